"""What a deploy must not do by accident, looked at before anything is started; the deploy boundary judges it.

Each look gives conditions: rows of evidence, one code each. No value of a variable or secret is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sluice.backends import shared
from sluice.config.model import Environment
from sluice.records.deploy import Condition, DeployRequest
from sluice.secrets import SecretError, environment_block, placeholder, resolve
from sluice.stages.deploy_drift import differences
from sluice.stages.deploy_origin import of_known_origin
from sluice.stages.deploy_turn import Turn
from sluice.targets.base import ReplicaSet
from sluice.tools.git_history import is_ancestor


def preflight(
    mine: Turn, request: DeployRequest, serving: ReplicaSet | None, secrets: Mapping[str, str]
) -> tuple[Condition, ...]:
    """Return everything that is known before a replica is started."""
    return (
        *filled_in(request, secrets),
        unchanged(mine, serving),
        no_downgrade(request, serving),
        *own_backends(request, secrets),
        not_fenced(mine, request),
        promoted(mine, request),
        *of_known_origin(request, mine.world.home.secrets, mine.site.log),
    )


def filled_in(request: DeployRequest, secrets: Mapping[str, str]) -> tuple[Condition, ...]:
    """D03: each variable and secret has a real value."""
    values = {f"variables.{name}": value for name, value in request.declaration.variables.items()}
    values |= {f"secrets.{name}": value for name, value in secrets.items()}
    problems = {name: problem for name, value in values.items() if (problem := placeholder(value))}
    where = f"environments.{request.environment}"
    if not problems:
        return (Condition.holds("D03", "every variable filled in", f"{len(values)} variables, all filled in"),)
    return tuple(
        Condition.broken("D03", f"a real value in {where}.{name}", f"{where}.{name} is {problem}")
        for name, problem in problems.items()
    )


def unchanged(mine: Turn, serving: ReplicaSet | None) -> Condition:
    """D04: what serves is what the journal and its own description say."""
    site = mine.site
    recorded = mine.world.journal.current_release(site.project, site.environment)
    if serving is None:
        return Condition.no_subject("D04", "nothing serves here yet")
    expected = "what serves to be as it was deployed"
    problems = differences(site, serving, recorded)
    if problems:
        return Condition.broken("D04", expected, "; ".join(problems))
    return Condition.holds("D04", expected, f"{len(serving.ports)} replicas as they were deployed")


def started_as_asked(mine: Turn, replicas: ReplicaSet) -> Condition:
    """D04 of new replicas: what runs has the variables and limits that were declared."""
    expected = "replicas with the declared variables and limits"
    problems = mine.site.target.drift(replicas)
    if problems:
        return Condition.broken("D04", expected, "; ".join(problems))
    return Condition.holds("D04", expected, f"{len(replicas.ports)} replicas as declared")


def no_downgrade(request: DeployRequest, serving: ReplicaSet | None) -> Condition:
    """D05: the commit is no ancestor of the one that runs, unless somebody asked for that."""
    if request.allow_downgrade:
        return Condition.no_subject("D05", "somebody asked for an older commit (`--allow-downgrade`)")
    if serving is None or not request.mirror:
        return Condition.no_subject("D05", "nothing serves here yet" if request.mirror else "no repository is known")
    new, old = request.release.commit, serving.release.commit
    expected = f"no ancestor of {old[:10]}, which runs"
    older = new != old and is_ancestor(Path(request.mirror), new, old)
    if older is None:
        return Condition.no_subject("D05", f"{old[:10]}, which runs, is not in the repository any more")
    state = Condition.broken if older else Condition.holds
    return state("D05", expected, f"{new[:10]} is older than what runs" if older else f"{new[:10]}")


def own_backends(request: DeployRequest, secrets: Mapping[str, str]) -> tuple[Condition, ...]:
    """D06: no other environment of the project names the same database, bucket or queue."""
    if not request.others:
        return (Condition.no_subject("D06", "the project has no other environment"),)
    mine = {**request.declaration.variables, **secrets}
    broken, unknown = [], []
    for name, other in request.others.items():
        theirs, unread = _known(other)
        unknown += [f"{name}.{variable}" for variable in unread]
        broken += [
            Condition.broken(
                "D06",
                f"a {kind} of its own for {request.environment}",
                f"{own} of {request.environment} and {their} of {name} name the same {kind}",
            )
            for own, their, kind in shared(mine, theirs)
        ]
    note = f"; not known here: {', '.join(unknown)}" if unknown else ""
    held = f"nothing in common with {', '.join(request.others)}{note}"
    return tuple(broken) or (Condition.holds("D06", "databases, buckets and queues of its own", held),)


def _known(other: Environment) -> tuple[dict[str, str], list[str]]:
    """Return the values of another environment, and its secrets that this worker does not have."""
    values, unread = dict(other.variables), []
    for variable, reference in other.secrets.items():
        try:
            values |= resolve({variable: reference}, "")
        except SecretError:
            unread.append(variable)
    if other.block is not None:
        try:
            values = {**environment_block(other.block, ""), **values}
        except SecretError:
            unread.append(f"block {other.block}")
    return values, unread


def not_fenced(mine: Turn, request: DeployRequest) -> Condition:
    """D07: the release was not rolled back here before."""
    site, digest = mine.site, request.release.digest
    reason = mine.world.journal.fenced(site.project, site.environment, digest)
    expected = f"a release that was never rolled back in {site.environment}"
    if reason is None:
        return Condition.holds("D07", expected, f"{digest[:19]} is not fenced")
    return Condition.broken("D07", expected, f"{digest[:19]} is fenced: {reason}")


def promoted(mine: Turn, request: DeployRequest) -> Condition:
    """D08: the release passed its smoke test in the environment that it is promoted from."""
    before = request.declaration.promote_from
    if before is None:
        return Condition.no_subject("D08", "the environment names no `promote_from`")
    passed = mine.world.journal.smoke_passed(mine.site.project, before, request.release.digest)
    expected = f"a release that passed its smoke test in {before}"
    what = f"{request.release.digest[:19]} {'did' if passed else f'never passed in {before}'}"
    return (Condition.holds if passed else Condition.broken)("D08", expected, what)
