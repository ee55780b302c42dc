"""The lineage of a release as a tree: what asked for it, its commit, tests, release, scan, deployments, rollbacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sluice.store.views import Edge, Thing

# What both of them hang on already: a line in the tree for each would show the same thing again.
BESIDE = ("proves", "clears")
RELATIONS = {
    "asked_for": "asked for",
    "tested_by": "tested by",
    "built_into": "built into",
    "scanned_by": "scanned by",
    "deployed_as": "deployed as",
    "smoked_by": "smoke-tested by",
    "undone_by": "undone by",
}
Key = tuple[str, str]


@dataclass(frozen=True)
class Node:
    """One thing with what follows from it. `again`: it stands further up with all that follows."""

    kind: str
    id: str
    name: str
    words: str
    at: datetime | None
    run_id: str | None
    relation: str = ""
    again: bool = False
    children: tuple[Node, ...] = ()


def tree(edges: Sequence[Edge], things: Iterable[Thing]) -> tuple[Node, ...]:
    """Return the edges as trees, each thing once with all that follows from it."""
    known = {(thing.kind, thing.id): thing for thing in things}
    kept = [edge for edge in edges if edge.relation not in BESIDE]
    after: dict[Key, list[Edge]] = defaultdict(list)
    for edge in kept:
        after[edge.from_kind, edge.from_id].append(edge)
    later = {(edge.to_kind, edge.to_id) for edge in kept}
    roots = [key for key in dict.fromkeys((edge.from_kind, edge.from_id) for edge in kept) if key not in later]
    seen: set[Key] = set()
    return tuple(_node(key, "", after, known, seen) for key in roots)


def _node(key: Key, relation: str, after: dict[Key, list[Edge]], known: dict[Key, Thing], seen: set[Key]) -> Node:
    kind, name = key
    thing, again = known.get(key), key in seen
    seen.add(key)
    following = () if again else after[key]
    return Node(
        kind=kind,
        id=name,
        name=shorten(name),
        words=thing.words if thing else "",
        at=thing.at if thing else None,
        run_id=thing.run_id if thing else None,
        relation=RELATIONS.get(relation, relation),
        again=again and bool(after[key]),
        children=tuple(_node((each.to_kind, each.to_id), each.relation, after, known, seen) for each in following),
    )


def shorten(name: str) -> str:
    """Return an id, hash or digest as people compare it."""
    return name[:19] if name.startswith("sha256:") else name[:10] if len(name) >= 40 else name[:8]
