"""A route's files: a switch is whole or not there."""

from __future__ import annotations

from pathlib import Path

from sluice.tools.caddy import SLOTS, Route, _server


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
        slots = [path.read_text() for path in (route.folder / "current").iterdir()]
        assert {each: slots.count(each) for each in upstreams} == dict.fromkeys(upstreams, SLOTS // count)


def test_the_configuration_does_not_change_with_the_upstreams(tmp_path: Path) -> None:
    route = Route("greeter.staging", 20000, tmp_path / "route")
    before = _server(route)
    route.point(["127.0.0.1:1", "127.0.0.1:2"])
    assert _server(route) == before

    route.point([f"127.0.0.1:{n}" for n in range(SLOTS + 1)])
    assert _server(route) != before


def test_every_slot_is_an_upstream_by_file(tmp_path: Path) -> None:
    server = _server(Route("greeter.staging", 20000, tmp_path / "route"))

    plain = server["routes"][1]["handle"][0]
    assert server["listen"] == ["127.0.0.1:20000"]
    assert [each["dial"] for each in plain["upstreams"]] == [
        f"{{file.{tmp_path}/route/current/{slot}}}" for slot in range(SLOTS)
    ]
