"""Rollback on real parts."""

from __future__ import annotations

import pytest

from sluice.errors import DeployFailedError, DeployRefusedError
from sluice.records.deploy import RollbackRequest
from sluice.stages.deploy import deploy, finish
from sluice.stages.rollback import rollback
from sluice.states import StageName
from tests.deploy_parts import City, Load, Unpacked, declaration, get, release, request


def names(steps: tuple[object, ...]) -> list[str]:
    return [step.name for step in steps]  # type: ignore[attr-defined]


def test_a_bad_candidate_is_withdrawn_and_the_old_version_answered_all_along(city: City) -> None:
    city.release(city.store(release("one")))
    bad = release("two", "broken")

    with (
        Load(city.url) as load,
        city.place() as place,
        city.hold(place),
    ):
        record = deploy(request(bad), place, city.world)
        assert get(record.smoke_address)[0] == 500
        city.journal.mark_smoke(record.deployment_id, False)
        healed = city.rollback(bad)
        load.wait_for(50)

    assert set(load.answers) == {(200, "one")}
    assert (healed.passed, healed.fenced, healed.target_smoke_passed, healed.target_present) == (True,) * 4
    assert healed.release is not None
    assert healed.release.version == "one+good"
    assert healed.running_digests == (release("one").digest,)
    assert [replica.healthy for replica in healed.replicas] == [True, True]
    assert [check.passed for check in healed.validation] == [True]
    assert healed.seconds_to_restore < 1.0
    assert names(healed.steps) == ["confirm", "validate", "fence", "withdraw"]
    assert city.serving() == "one"
    assert city.states("rollbacks") == ["serving"]
    assert "D07" in city.deploy(bad).reason
    assert city.serving() == "one"


def test_a_release_that_serves_is_replaced_without_a_failed_request(city: City) -> None:
    for name in ("one", "two", "three"):
        city.release(city.store(release(name)))

    with Load(city.url) as load:
        first = city.rollback()
        second = city.rollback()
        load.wait_for(50)

    assert load.failed == {}
    assert [record.release and record.release.version for record in (first, second)] == ["two+good", "one+good"]
    assert (first.passed, second.passed, first.fenced, second.fenced) == (True,) * 4
    assert names(second.steps) == [
        "prepare",
        "start",
        "health",
        "switch",
        "confirm",
        "drain",
        "remove",
        "validate",
        "fence",
        "withdraw",
    ]
    assert city.serving() == "one"
    assert city.fences() == {release("two").digest, release("three").digest}


def test_a_named_release_is_gone_back_to(city: City) -> None:
    for name in ("one", "two", "three"):
        city.release(city.store(release(name)))

    record = city.rollback(to=release("one").digest[7:15])

    assert (record.passed, city.serving()) == (True, "one")


def test_an_unknown_release_is_refused_with_the_known_ones(city: City) -> None:
    for name in ("one", "two"):
        city.release(city.store(release(name)))

    with pytest.raises(DeployRefusedError) as caught:
        city.rollback(to="sha256:" + "0" * 64)

    assert caught.value.code == "RELEASE_UNKNOWN"
    assert release("one").digest[:19] in str(caught.value)
    assert city.serving() == "two"


def test_a_fenced_release_is_not_gone_back_to(city: City) -> None:
    for name in ("one", "two"):
        city.release(city.store(release(name)))
    city.rollback()

    with pytest.raises(DeployRefusedError, match="FENCED_RELEASE"):
        city.rollback(to=release("two").digest)

    assert city.serving() == "one"


def test_the_first_release_is_bad_and_there_is_nothing_to_go_back_to(city: City) -> None:
    bad = release("one", "broken")
    with city.place() as place, city.hold(place):
        deploy(request(bad), place, city.world)
        record = city.rollback(bad)

    assert (record.passed, record.release, record.fenced, record.running_digests) == (False, None, False, ())
    assert "no release was good here before" in record.reason
    assert city.groups() == []
    assert get(city.url) == (502, "no release of greeter.staging answers\n")


def test_the_only_good_release_serves_on(city: City) -> None:
    city.release(city.store(release("one")))

    record = city.rollback()

    assert (record.passed, record.release, record.fenced) == (False, None, False)
    assert record.running_digests == (release("one").digest,)
    assert "serves on" in record.reason
    assert city.serving() == "one"


def test_a_target_whose_bundle_is_gone_is_not_tried(city: City) -> None:
    for name in ("one", "two"):
        city.release(release(name))  # their bundles never were in the store

    record = city.rollback()

    assert (record.passed, record.target_present, record.fenced) == (False, False, False)
    assert record.release == release("one")
    assert record.running_digests == (release("two").digest,)
    assert city.serving() == "two"


def test_a_target_that_fails_its_smoke_test_is_not_called_well(city: City) -> None:
    for name in ("one", "two"):
        city.release(city.store(release(name)))

    record = city.rollback(broken=True)

    assert (record.passed, record.fenced) == (False, True)
    assert "is bad too: GET /: expected 200, observed 500" in record.reason
    assert city.states("rollbacks") == ["serving"]
    assert not city.journal.smoke_passed("greeter", "staging", release("one").digest)
    assert city.serving() == "one"


def test_a_target_that_does_not_start_leaves_what_serves(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        city.release(city.store(release(name)))
    server = city.home.releases / release("one").digest.removeprefix("sha256:") / "server.py"
    broken = "raise SystemExit('the disk ate it')"
    monkeypatch.setattr(city.target, "_unpack", lambda *_: _after(server.write_text(broken), server.parent))

    with Load(city.url) as load, pytest.raises(DeployFailedError, match="the disk ate it"):
        city.rollback()

    assert load.failed == {}
    assert city.serving() == "two"
    assert city.states("rollbacks") == ["failed"]
    assert city.fences() == set()


def _after(_written: int, path: object) -> object:
    return Unpacked(path)  # type: ignore[arg-type]


def test_a_bad_configuration_of_the_same_release_does_not_fence_it(city: City) -> None:
    one = city.store(release("one"))
    city.release(one)

    with city.place(StageName.DEPLOY) as place, city.hold(place):
        deploy(request(one, variables={"MODE": "wrong"}), place, city.world)
        asked = RollbackRequest(
            environment="staging",
            declaration=declaration(variables={"MODE": "wrong"}),
            bad=one,
            reason="smoke failed",
            requested_by="test",
        )
        record = rollback(asked, place, city.world)

    assert (record.passed, record.fenced) == (True, False)
    assert "MODE" not in get(city.url + "/env")[1]
    assert city.serving() == "one"


@pytest.mark.parametrize(("status", "serves", "readable"), [(1, "two", False), (0, "one", True)])
def test_a_release_that_cannot_read_the_data_is_not_gone_back_to(
    city: City, status: int, serves: str, readable: bool
) -> None:
    asked = city.request(city.store(release("one")))
    assert asked.service is not None
    words = ("python", "-c", f"import os, sys; print('schema 7 of', os.environ['SLUICE_VERSION']); sys.exit({status})")
    service = asked.service.model_copy(update={"reads_data": words})
    with city.place() as place, city.hold(place):
        record = deploy(asked.model_copy(update={"service": service}), place, city.world)
        city.journal.mark_smoke(record.deployment_id, True)
        finish(record, place, city.world)
    city.release(city.store(release("two")))

    back = city.rollback()

    assert (back.data_readable, back.passed) == (readable, readable)
    assert back.data_problem == ("" if readable else "schema 7 of one+good")
    assert city.serving() == serves
