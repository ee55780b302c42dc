"""The command line in a fork of the warm process: it may use the services, and must not start them."""

from __future__ import annotations

from sluice.cli.main import main
from sluice.services import lifecycle

if __name__ == "__main__":
    lifecycle.may_start = False
    main()
