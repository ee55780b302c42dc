"""The worker's start: loads Prefect while the server still starts, waits for server and work pool, then works."""

from __future__ import annotations

import os
import sys
import time
import warnings

import httpx

from sluice.services.registration import worker_name

POLL_SECONDS = 0.2


def wait_for_pool(api: str, auth: str | None, pool: str) -> None:
    """Return once the work pool can be read; the process manager ends us if that is never."""
    user, _, password = (auth or "").partition(":")
    with httpx.Client(auth=(user, password) if auth else None, timeout=5, trust_env=False) as client:
        while True:
            try:
                if client.get(f"{api}/work_pools/{pool}").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(POLL_SECONDS)


def main() -> None:
    """Become a process worker of the work pool that the environment names."""
    import prefect.cli.worker  # noqa: F401 - loaded while the server starts, as the next one
    from prefect.cli import app

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Prefect's own class of this type is overridden, as it says
        import sluice.services.quick_settings
        import sluice.services.quick_worker  # noqa: F401

    pool = os.environ["SLUICE_WORK_POOL"]
    wait_for_pool(os.environ["PREFECT_API_URL"], os.environ.get("PREFECT_API_AUTH_STRING"), pool)
    sys.argv = ["prefect", "worker", "start", "--pool", pool, "--name", worker_name(), "--type", "process"]
    sys.argv += ["--install-policy", "never"]
    app()


if __name__ == "__main__":
    main()
