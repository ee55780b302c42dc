"""Drift between deploys: it is told, in words that show no value, and nothing is changed by looking."""

from __future__ import annotations

import json

from sluice.stages.deploy_drift import Drift, look
from tests.deploy_parts import City, get, release


def looked(city: City) -> Drift:
    return look(city.world, "greeter", "staging", city.lines.append)


def test_what_serves_as_it_was_deployed_is_no_drift(city: City) -> None:
    assert str(looked(city)) == "greeter staging: nothing serves, and nothing is recorded to"
    city.release(release("one"))

    found = looked(city)

    assert (found.problems, found.serving) == ((), release("one"))
    assert str(found) == f"greeter staging: {release('one').digest[:19]} (one+good) serves as it was deployed"


def test_each_way_to_drift_is_told(city: City) -> None:
    city.release(release("one"), variables={"GREETING": "hi"})
    (replicas,) = city.target.sets("greeter", "staging")
    file = city.target.files.environment(replicas, 2)
    written = json.loads(file.read_text())

    file.write_text(json.dumps(written | {"GREETING": "something-else"}))
    changed = looked(city)
    file.write_text(json.dumps(written))
    with city.place() as place, city.hold(place):
        made = city.deploy(release("two"))
        aside = city.world.site("greeter", "staging", city.lines.append)
        new = aside.set_of(made.deployment_id)
        assert new is not None
        aside.send_to(new)
        other = looked(city)
        aside.send_to(replicas)
    city.target.remove(replicas)
    gone = looked(city)

    assert changed.problems[0] == "replica 2: variable GREETING is not as declared"
    assert "something-else" not in str(changed)
    one, two = release("one").digest[:19], release("two").digest[:19]
    assert other.problems == (f"{two} serves, the journal says {one}",)
    assert gone.problems == (f"nothing serves, the journal says {one}",)
    assert get(city.url)[0] == 502, "looking does not mend"
