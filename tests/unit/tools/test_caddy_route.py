"""A route's files: a switch is whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.tools.caddy_route import ASIDE, SLOTS, STANDBY, WATCHED, Route
from sluice.tools.caddy_server import server_of


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_pointing_replaces_what_was_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    route = Route("greeter.staging", 20000, tmp_path / "route")
    assert route.upstreams() == ()

    route.point(["127.0.0.1:1", "127.0.0.1:2"])
    assert route.upstreams() == ("127.0.0.1:1", "127.0.0.1:2")

    (route.folder / "left.link").symlink_to("nowhere")
    (route.folder / "half").mkdir()
    route.point(["127.0.0.1:3"])
    assert route.upstreams() == ("127.0.0.1:3",)
    assert len(names(route.folder)) == 2
    assert "current" in names(route.folder)

    route.close()
    route.close()
    assert route.upstreams() == ()


def test_requests_are_shared_evenly_by_the_usual_numbers_of_replicas(tmp_path: Path) -> None:
    route = Route("greeter.staging", 20000, tmp_path / "route")
    for count in (1, 2, 3, 4, 6, 12):
        upstreams = [f"127.0.0.1:{n}" for n in range(count)]
        route.point(upstreams)
        for folder in (route.folder / "current", route.folder / "current" / ASIDE):
            slots = [path.read_text() for path in folder.glob("[0-9]*")]
            assert {each: slots.count(each) for each in upstreams} == dict.fromkeys(upstreams, SLOTS // count)


def test_the_configuration_does_not_change_with_the_upstreams(tmp_path: Path) -> None:
    route = Route("greeter.staging", 20000, tmp_path / "route")
    before = server_of(route)
    route.point(["127.0.0.1:1", "127.0.0.1:2"])
    assert server_of(route) == before

    route.point([f"127.0.0.1:{n}" for n in range(SLOTS + 1)])
    assert server_of(route) != before


@pytest.mark.parametrize(("percent", "share"), [(1, "028f5c29"), (5, "0ccccccd"), (50, "80000000"), (99, "fd70a3d7")])
def test_a_share_of_the_requests_goes_aside(tmp_path: Path, percent: int, share: str) -> None:
    route = Route("greeter.staging", 20000, tmp_path / "route")
    route.point(["127.0.0.1:1"])
    before = server_of(route)
    assert not route.is_split()

    route.point(["127.0.0.1:1"], ["127.0.0.1:2"], percent)

    assert (route.upstreams(), route.is_split()) == (("127.0.0.1:1",), True)
    assert (route.folder / "current" / "share").read_text() == share
    assert {path.read_text() for path in (route.folder / "current" / ASIDE).iterdir()} == {"127.0.0.1:2"}
    assert server_of(route) == before, "a change of the configuration would cost requests"

    route.point(["127.0.0.1:2"])
    assert (route.upstreams(), route.is_split()) == (("127.0.0.1:2",), False)


def test_every_slot_is_an_upstream_by_file(tmp_path: Path) -> None:
    server = server_of(Route("greeter.staging", 20000, tmp_path / "route"))

    aside = server["routes"][1]["handle"][0]["routes"][0]["handle"][1]
    watched = server["routes"][2]["handle"][1]
    plain = server["routes"][3]["handle"][0]
    assert server["listen"] == ["127.0.0.1:20000"]
    assert [each["dial"] for each in plain["upstreams"]] == [
        f"{{file.{tmp_path}/route/current/{slot}}}" for slot in range(SLOTS)
    ]
    assert [each["dial"] for each in aside["upstreams"]] == [
        f"{{file.{tmp_path}/route/current/aside/{slot}}}" for slot in range(SLOTS)
    ]
    assert [each["dial"] for each in watched["upstreams"]] == [
        f"{{file.{tmp_path}/route/current/watched/{slot}}}" for slot in range(SLOTS)
    ]


def test_a_release_may_have_another_that_stands_by(tmp_path: Path) -> None:
    route = Route("greeter.staging", 20000, tmp_path / "route")
    route.point(["127.0.0.1:1"])
    before = server_of(route)

    route.point(["127.0.0.1:2"], standby=["127.0.0.1:1"])

    current = route.folder / "current"
    assert (route.upstreams(), route.is_split()) == (("127.0.0.1:2",), True)
    assert {path.read_text() for path in (current / STANDBY).iterdir()} == {"127.0.0.1:1"}
    assert (current / WATCHED / "0").read_text() == "127.0.0.1:2"
    assert server_of(route) == before, "a change of the configuration would cost requests"

    route.point(["127.0.0.1:2"])
    assert route.is_split() is False
    assert (current / STANDBY / "0").read_text() == "127.0.0.1:2", "for a request that is on its way there"
