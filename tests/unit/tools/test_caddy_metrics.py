"""The proxy's counts: of one server, between two looks, and how long answers took."""

from __future__ import annotations

import pytest

from sluice.config.watch import WatchConfig
from sluice.stages.deploy_watch import judge
from sluice.tools.caddy_metrics import Traffic, traffic
from sluice.tools.caddy_server import ASIDE_HANDLER, HANDLER

INF = float("inf")


def lines(server: str, code: int, counts: dict[str, int], handler: str = "reverse_proxy") -> str:
    labels = f'code="{code}",handler="{handler}",method="GET",server="{server}"'
    name = "caddy_http_request_duration_seconds_bucket"
    return "".join(f'{name}{{{labels},le="{bound}"}} {count}\n' for bound, count in counts.items())


TEXT = (
    "# HELP something\n"
    + lines("shop.staging", 200, {"0.1": 90, "0.5": 95, "+Inf": 96})
    + lines("shop.staging", 502, {"0.1": 0, "0.5": 4, "+Inf": 4})
    + lines("shop.staging", 200, {"0.1": 7, "0.5": 7, "+Inf": 7}, handler="subroute")
    + lines("shop.staging.candidate", 200, {"0.1": 7, "0.5": 7, "+Inf": 7})
)


def test_only_the_answers_of_the_server_are_counted() -> None:
    found = traffic(TEXT, "shop.staging", HANDLER)

    assert (found.requests, found.errors, found.error_rate) == (100, 4, 0.04)
    assert dict(found.within) == {0.1: 90, 0.5: 99, INF: 100}
    assert (found.percentile(0.5), found.percentile(0.95), found.percentile(1)) == (0.1, 0.5, INF)
    assert traffic(TEXT, "nobody", HANDLER).requests == 0
    assert traffic(TEXT, "shop.staging", ASIDE_HANDLER).requests == 7


def test_what_came_between_two_looks() -> None:
    before = traffic(lines("a", 200, {"0.1": 10, "+Inf": 10}), "a", HANDLER)
    after = traffic(lines("a", 200, {"0.1": 12, "+Inf": 15}) + lines("a", 500, {"0.1": 1, "+Inf": 1}), "a", HANDLER)

    found = after.since(before)

    assert (found.requests, found.errors, dict(found.within)) == (6, 1, {0.1: 3, INF: 6})
    assert before.since(after) == before, "a proxy that was started again begins anew"


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (traffic(lines("a", 500, {"0.1": 19, "+Inf": 19}), "a", HANDLER), ""),
        (traffic(TEXT, "shop.staging", HANDLER), ""),
        (traffic(lines("a", 500, {"0.1": 20, "+Inf": 20}), "a", HANDLER), "100.0% of 20 requests failed, allowed 5.0%"),
        (
            traffic(lines("a", 200, {"0.1": 18, "5": 20, "+Inf": 20}), "a", HANDLER),
            "95 % of 20 requests took up to 5 s, allowed 2.5 s",
        ),
    ],
)
def test_a_judgement_needs_enough_requests(seen: Traffic, told: str) -> None:
    assert judge(seen, WatchConfig()) == told
