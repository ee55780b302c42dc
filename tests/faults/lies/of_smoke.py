"""Lies of a smoke test."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sluice.config.smoke import HttpCheck, LoadConfig, VersionCheck
from sluice.records.smoke import Copies, SmokeRecord
from tests import factories
from tests.burners import slow_service, strangers
from tests.faults.lies.case import Made, lie, twin
from tests.stages.test_smoke import (
    HEALTH,
    NO_REQUEST,
    OTHER,
    RELEASE,
    Answer,
    App,
    as_json,
    fake_k6,
    honest,
    request,
    run,
    served,
)

PAGE = HttpCheck(path="/page")


def told(record: SmokeRecord, **more: Any) -> Made:
    """Return the record with what the runner knows: the release that was deployed."""
    return record, factories.facts(release_digest=RELEASE.digest, **more)


def asked(tmp_path: Path, app: App, **config: Any) -> SmokeRecord:
    with served(app) as (address, _):
        return run(tmp_path, request(address, **config))


def older(path: str) -> Answer:
    return as_json({"commit": OTHER}) if path == "/version" else honest(path)


@lie("K01")
def an_older_release_answers(tmp_path: Path) -> Made:
    """the answers report another commit"""
    return told(asked(tmp_path, older, version=VersionCheck()))


@twin("K01")
def the_release_answers(tmp_path: Path) -> Made:
    """each answer reports the deployed commit"""
    return told(asked(tmp_path, honest, version=VersionCheck()))


def error_page(_path: str) -> Answer:
    return 200, {"Content-Type": "text/html"}, "<h1>Something went wrong</h1>"


@lie("K02")
def an_error_page_is_called_good(tmp_path: Path) -> Made:
    """status 200 with an error page, and somebody calls the stage passed"""
    return told(asked(tmp_path, error_page).model_copy(update={"passed": True, "reason": ""}))


@twin("K02")
def an_error_page_is_called_bad(tmp_path: Path) -> Made:
    """the same error page, and the smoke test says that it failed"""
    return told(asked(tmp_path, error_page))


@lie("K03")
def a_load_without_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """the load generator makes no request, and every threshold holds"""
    fake_k6(tmp_path, f"echo '{NO_REQUEST}' > summary.json", monkeypatch)
    return told(asked(tmp_path, honest, load=LoadConfig()))


@twin("K03")
def a_load_with_requests(tmp_path: Path) -> Made:
    """a second of real load"""
    return told(asked(tmp_path, honest, load=LoadConfig(users=1, duration=1)))


def loaded(tmp_path: Path, seconds: float) -> Made:
    def slow(path: str) -> Answer:
        time.sleep(seconds if path == "/" else 0)
        return as_json({"status": "ok"})

    record = asked(tmp_path, slow, load=LoadConfig(users=1, duration=1, max_p95=5.0))
    assert record.load is not None  # of a machine that does nothing else, whatever this one does now
    record = record.model_copy(update={"load": record.load.model_copy(update={"slowdown": 1.0})})
    usual = factories.history(smoke__staging__p95=0.2, smoke__staging__error_rate=0.0)
    return told(record, history=usual)


@lie("K04")
def a_release_is_much_slower(tmp_path: Path) -> Made:
    """p95 is more than twice what it usually is, within the threshold"""
    return loaded(tmp_path, 0.6)


def busy(tmp_path: Path, *, burns: bool) -> Made:
    with ExitStack() as stack:
        address, pid = stack.enter_context(slow_service(tmp_path, burns=burns))
        if not burns:
            stack.enter_context(strangers())
        asked = request(address, load=LoadConfig(users=2, duration=3, max_p95=30.0))
        record = run(tmp_path, asked.model_copy(update={"copies": Copies(pids=(pid,))}))
    assert record.load is not None
    assert record.load.slowdown > 1.3, "the machine is not busy"
    return told(record, history=factories.history(smoke__staging__p95=0.02, smoke__staging__error_rate=0.0))


@lie("K04")
def a_release_burns_the_processor(tmp_path: Path) -> Made:
    """the machine is busy, and nobody keeps it so but the slow release itself"""
    return busy(tmp_path, burns=True)


@lie("K04", warns=True)
def strangers_burn_the_processor(tmp_path: Path) -> Made:
    """others keep the machine busy, and the release is slow (warning)"""
    return busy(tmp_path, burns=False)


@twin("K04")
def a_release_is_as_fast_as_usual(tmp_path: Path) -> Made:
    """p95 is what it usually is"""
    return loaded(tmp_path, 0.0)


@lie("K05")
def a_cache_answers(tmp_path: Path) -> Made:
    """a cache answers with what it has kept for 37 s"""
    return told(asked(tmp_path, lambda _: as_json({"status": "ok"}, Age="37")))


@twin("K05")
def a_cache_asks_the_release(tmp_path: Path) -> Made:
    """a cache stands before the release, and asks it"""
    return told(asked(tmp_path, lambda _: as_json({"status": "ok"}, **{"Age": "0", "X-Cache": "MISS"})))


@lie("K06")
def a_check_is_left_out(tmp_path: Path) -> Made:
    """one of two declared checks is left out, and the rest is green"""
    record = asked(tmp_path, honest, checks=(HEALTH, PAGE))
    return told(record.model_copy(update={"checks": record.checks[1:]}))


@twin("K06")
def every_check_runs(tmp_path: Path) -> Made:
    """both declared checks run"""
    return told(asked(tmp_path, honest, checks=(HEALTH, PAGE)))
