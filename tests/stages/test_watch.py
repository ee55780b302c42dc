"""The watch after a switch: what breaks then is taken back, by the replicas that stood by."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from threading import Event

import pytest

from sluice.config.watch import WatchConfig
from sluice.errors import DeployFailedError, Exit
from sluice.stages.deploy_site import Site
from sluice.stages.deploy_watch import WatchFailedError
from sluice.targets.base import ReplicaSet
from tests.deploy_parts import City, Load, get, release

WATCH = WatchConfig(duration=30.0, max_p95=0.5)


def test_a_good_release_is_watched_and_stays(city: City) -> None:
    city.release(release("one"))

    with Load(city.url, rate=40) as load:
        record = city.release(release("two"), watch=WatchConfig(duration=3.0))

    assert load.failed == {}
    assert [step.name for step in record.steps][-4:] == ["confirm", "watch", "drain", "remove"]
    watched = next(step for step in record.steps if step.name == "watch").detail
    assert watched.startswith("3 s: ")
    assert watched.endswith(" requests, 0 failed, replicas well")
    assert int(watched.split()[2]) > 0, "the proxy counts"
    assert city.serving() == "two"


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("breaks later", "requests failed, allowed 5.0%"),
        ("slows down", "took up to 1 s"),
        ("dies later", "requests failed, allowed 5.0%|app-greeter"),
    ],
)
def test_what_breaks_later_is_taken_back(city: City, behaviour: str, told: str) -> None:
    city.release(release("one"))
    bad = release("two", behaviour)

    with Load(city.url, rate=40) as load:
        with pytest.raises(WatchFailedError) as caught:
            city.release(bad, watch=WATCH)
        after = load.total
        load.wait_for(40)

    assert re.search(told, str(caught.value))
    assert load.failed == {}, "what the bad release failed, the old one answered"
    assert load.total > after
    assert get(city.url) == (200, "one")
    assert city.serving() == "one"
    assert city.states() == ["serving", "failed"]
    healed = city.rollback(bad=bad)
    assert (healed.passed, healed.fenced, healed.release) == (True, True, release("one"))
    assert city.serving() == "one"
    assert caught.value.exit_code == Exit.SMOKE_FAILED


def test_a_release_that_is_gone_right_after_its_switch_is_asked_for_nothing(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_to, asked = Site.send_to, list[str]()

    def ask(*_: object) -> tuple[str, ...]:
        asked.append("a round of requests")
        return ()

    def then_gone(site: Site, replicas: ReplicaSet, standby: ReplicaSet | None = None) -> None:
        send_to(site, replicas, standby)
        if standby is not None:
            site.target.remove(replicas)
            monkeypatch.setattr(Site, "running_digests", ask)

    city.release(release("one"))
    monkeypatch.setattr(Site, "send_to", then_gone)

    with pytest.raises(DeployFailedError, match="NOT_SERVING") as caught:
        city.release(release("two"), watch=WATCH)

    assert (caught.value.found, asked) == ("0 healthy replicas", [])
    assert get(city.url) == (200, "one")
    assert city.states() == ["serving", "failed"]


def test_a_bad_release_finishes_the_requests_that_it_has(city: City) -> None:
    city.release(release("one"))
    answers: Counter[int] = Counter()
    enough = Event()

    def post_slowly() -> None:
        while not enough.is_set():
            with closing(HTTPConnection("127.0.0.1", city.port, timeout=30)) as connection:
                connection.request("POST", "/slow")
                answers[connection.getresponse().status] += 1

    with ThreadPoolExecutor(4) as pool, Load(city.url, rate=40):
        users = [pool.submit(post_slowly) for _ in range(4)]
        with pytest.raises(WatchFailedError):
            city.release(release("two", "breaks later"), watch=WATCH)
        enough.set()

    assert [user.result() for user in users] == [None] * 4
    assert set(answers) == {200}
    assert city.serving() == "one"
