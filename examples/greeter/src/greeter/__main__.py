"""`python -m greeter` serves."""

from greeter.server import main

if __name__ == "__main__":
    main()
