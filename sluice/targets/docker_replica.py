"""One replica of the target `docker` as it is now, and why it is not well."""

from __future__ import annotations

from datetime import UTC, datetime

from sluice.records.deploy import Replica
from sluice.targets.base import ReplicaFailedError, ReplicaSet
from sluice.targets.docker_container import Facts, digest_of
from sluice.targets.docker_engine import Engine
from sluice.targets.folders import RESTART_WINDOW_SECONDS, TAIL_LINES
from sluice.targets.replica import answers

ENDED = ("exited", "dead", "restarting", "removing")


def numbers(replicas: ReplicaSet) -> range:
    """Return the numbers of the replicas, from 1."""
    return range(1, len(replicas.ports) + 1)


def replica(engine: Engine, replicas: ReplicaSet, number: int) -> Replica:
    """Return one replica; what the engine has lost is neither healthy nor of any release."""
    name, port = replicas.program(number), replicas.ports[number - 1]
    seen = engine.inspect(name)
    address = f"{replicas.host}:{port}"
    if seen is None:
        return Replica(name=name, release_digest="", pid=None, address=address, healthy=False, restarts=0)
    state, host = seen["State"], seen["HostConfig"]
    runs = state["Status"] == "running"
    memory = engine.memory_limit(name) if runs else None
    cpu, pids = (host.get("NanoCpus") or 0) / 1e9, host.get("PidsLimit") or 0
    held = (memory == host.get("Memory"), bool(cpu), pids > 0)
    return Replica(
        name=name,
        release_digest=digest_of(engine.image(seen["Image"]), replicas),
        pid=state.get("Pid") or None,
        address=address,
        healthy=runs and not answers(port, replicas.service.health, replicas.host),
        restarts=_restarts(seen),
        memory_limit_bytes=memory,
        cpu_limit=cpu or None,
        limits_enforced=tuple(
            f"{what}:cgroup" for what, is_held in zip(("memory", "cpu", "pids"), held, strict=True) if is_held
        ),
    )


def refuse_ended(engine: Engine, replicas: ReplicaSet, number: int) -> None:
    """Raise when a replica ended; it is not started again before it was healthy once.

    Raises:
        ReplicaFailedError: with its exit code, or `OUT_OF_MEMORY`, and what it printed last.
    """
    name = replicas.program(number)
    seen = engine.inspect(name)
    state = seen["State"] if seen else {"Status": "removing"}
    if state["Status"] not in ENDED:
        return
    killed, memory = state.get("OOMKilled"), replicas.declaration.memory >> 20
    how = (
        f"was killed: out of memory (limit {memory} MiB)" if killed else f"ended with exit code {state.get('ExitCode')}"
    )
    raise ReplicaFailedError(
        f"replica {number} of {replicas.release.digest[:19]} {how} before it was healthy",
        code="OUT_OF_MEMORY" if killed else None,
        where=name,
        next_step=f"{ReplicaFailedError.next_step} {_last_words(engine, name)}",
    )


def never_healthy(engine: Engine, replicas: ReplicaSet, seen: tuple[Replica, ...]) -> ReplicaFailedError:
    """Return the error of a set that did not get healthy in time."""
    number = next((n for n, each in enumerate(seen, start=1) if not each.healthy), 1)  # all, too late
    port, health = replicas.ports[number - 1], replicas.service.health
    waited = f"{replicas.service.start_timeout:g} s"
    return ReplicaFailedError(
        f"replica {number} of {replicas.release.digest[:19]} was not healthy within {waited}",
        code="NEVER_HEALTHY",
        where=f"GET http://{replicas.host}:{port}{health}",
        found=answers(port, health, replicas.host) or "it turned healthy too late",
        allowed="status 200",
        next_step=f"In its container it has to listen on 0.0.0.0, port {replicas.declaration.docker.port}. "
        f"{ReplicaFailedError.next_step} {_last_words(engine, replicas.program(number))}",
    )


def _restarts(seen: Facts) -> int:
    """Return the engine's count of restarts, when the last of them is recent."""
    count = int(seen.get("RestartCount") or 0)
    started = datetime.fromisoformat(seen["State"]["StartedAt"][:19]).replace(tzinfo=UTC)
    return count if (datetime.now(UTC) - started).total_seconds() < RESTART_WINDOW_SECONDS else 0


def _last_words(engine: Engine, name: str) -> str:
    tail = engine.logs(name, TAIL_LINES).decode("utf-8", "replace").strip("\n")
    return f"Its last lines:\n{tail}" if tail else "It printed nothing."
