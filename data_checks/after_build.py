"""After build: is the release what was tested, of this commit, made just now, and nothing in it that must not leave?"""

from __future__ import annotations

from data_checks import build_size
from data_checks.contract import BoundaryFacts, Check, Contract
from data_checks.frames import Frame, Parameter, Row, at_least, equal, in_set
from sluice.records.build import BuildRecord

CLOCK_SECONDS = 2.0  # file systems and clocks are no finer than that
IN_WINDOW, OF_COMMIT, CACHED = "made in this stage", "dated by its commit", "every step was cached"
BEFORE_COMMIT, BEFORE_STAGE, AFTER_STAGE = "made before its commit", "made before the stage", "made after the stage"
NEW, USABLE, CLEAN, UNCHANGED = "not released before", "usable", "clean", "as before"
KNOWN, UNKNOWN = "named or tested", "neither named nor tested"
NO_BASE = "the release needs no Python, or the image begins with nothing"


def record_row(record: BuildRecord, facts: BoundaryFacts) -> list[Row]:
    """Return the one row of facts about the release."""
    return [
        {
            "digest": record.release.digest,
            "read_back_digest": record.read_back_digest,
            "pushed_digest": record.image.pushed_digest if record.image else record.release.digest,
            "revision": record.revision,
            "release_commit": record.release.commit,
            "made": made(record, facts),
            "built_tree": record.built_tree,
            "tested_tree": record.tested_tree,
            "tag": tag(record, facts),
            "base": base(record, facts),
            "change": change(record, facts),
            "inspected": record.inspected_files,
            "size": build_size.size(record, facts),
        }
    ]


def tag(record: BuildRecord, facts: BoundaryFacts) -> str:
    """Tell what the run's tag has named before; the same bytes made again are no other release."""
    taken = record.image.taken_tags.values() if record.image else ()
    others = sorted({*facts.tag_digests, *taken} - {record.release.digest})
    return f"{' and '.join(others)} under tag {facts.tag}" if others else NEW


def base(record: BuildRecord, facts: BoundaryFacts) -> str:
    """Tell whether what the release stands on is anybody's choice: named, or what the tests ran on."""
    if record.image is not None and not record.base_named_by:
        return UNKNOWN  # the Dockerfile names it by a tag that moves
    tested = set(record.base.split()) & set(facts.tested_pythons)
    return KNOWN if record.base_named_by or tested else UNKNOWN


def change(record: BuildRecord, facts: BoundaryFacts) -> str:
    """Tell whether the interpreter is the one of the release before."""
    return UNCHANGED if facts.need("previous_base") in ("", record.base) else record.base


def read_back(record: BuildRecord, _facts: BoundaryFacts) -> str:
    """Tell under which digest the release came back, and, of an image, which its registry said that it received."""
    told = f", pushed {record.image.pushed_digest}" if record.image else ""
    return f"read back {record.read_back_digest}{told}"


def platform_rows(record: BuildRecord, facts: BoundaryFacts) -> list[Row]:
    """Return one row a platform that the release must run on."""
    checked = {each.platform: each for each in record.platforms}
    rows: list[Row] = []
    for name in facts.platforms or ():
        found = checked.get(name)
        state = "not in the release" if found is None else found.problem or USABLE
        if found is not None and state == USABLE and facts.python and found.python not in ("", facts.python):
            state = f"for Python {found.python}, asked for {facts.python}"
        rows.append({"platform": name, "state": state})
    return rows


def secret_rows(record: BuildRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return one row a file that must not be in a release, or one that says that there is none."""
    return [{"file": each, "state": "must not be in a release"} for each in record.secrets] or [
        {"file": "", "state": CLEAN}
    ]


def _parameters(_record: BuildRecord, facts: BoundaryFacts) -> dict[str, object]:
    facts.need("platforms")
    return {"commit": [facts.need("commit")], "tree": [facts.need("tree")]}


def _warn_named(record: BuildRecord, facts: BoundaryFacts) -> str:
    return "BASE_CHANGED" if base(record, facts) == KNOWN else "BASE_NOT_PINNED"


def _base_expected(record: BuildRecord, facts: BoundaryFacts) -> str:
    if base(record, facts) != KNOWN and record.image is not None:
        return "a base image that the Dockerfile names by its digest: FROM image@sha256:…"
    if base(record, facts) != KNOWN:
        return "an interpreter that build.python or .python-version names, or that the tests ran on"
    return facts.previous_base or "any interpreter, as nothing was built before"


def made(record: BuildRecord, facts: BoundaryFacts) -> str:
    """Tell when the release was made; a reproducible build dates what it makes by the commit."""
    early = (record.started_at - record.created_at).total_seconds()
    late = (record.created_at - record.ended_at).total_seconds()
    if max(early, late) <= CLOCK_SECONDS:
        return IN_WINDOW
    if facts.committed_at == record.created_at:
        return OF_COMMIT
    if record.image is not None and record.image.cached and early > 0:
        return CACHED
    if facts.committed_at is not None and record.created_at < facts.committed_at:
        return BEFORE_COMMIT
    return BEFORE_STAGE if early > 0 else AFTER_STAGE


CONTRACT = Contract(
    record=BuildRecord,
    frames=(
        Frame(
            "record",
            (
                *(
                    "digest",
                    "read_back_digest",
                    "pushed_digest",
                    "revision",
                    "release_commit",
                    "made",
                    "built_tree",
                    "tested_tree",
                ),
                *("tag", "base", "change", "inspected", "size"),
            ),
            record_row,
        ),
        Frame(
            "platforms", ("platform", "state"), platform_rows, count=lambda _record, facts: len(facts.platforms or ())
        ),
        Frame("files", ("file", "state"), secret_rows, count=lambda record, _: len(record.secrets) or 1),
    ),
    parameters=_parameters,
    checks=(
        Check(
            "B01",
            (equal("record", "digest", "read_back_digest"), equal("record", "digest", "pushed_digest")),
            expected=lambda record, _: f"digest {record.release.digest}",
            observed=read_back,
        ),
        Check(
            "B09",
            (in_set("record", "built_tree", Parameter("tree")), in_set("record", "tested_tree", Parameter("tree"))),
            expected=lambda _record, facts: f"tree {facts.tree}, built and tested",
            observed=lambda record, _: f"built tree {record.built_tree}, tested tree {record.tested_tree}",
        ),
        Check(
            "B04",
            (
                in_set("record", "revision", Parameter("commit")),
                in_set("record", "release_commit", Parameter("commit")),
            ),
            expected=lambda _record, facts: f"revision {facts.commit}",
            observed=lambda record, _: f"revision {record.revision or 'absent'}, release of {record.release.commit}",
        ),
        Check(
            "B06",
            (in_set("record", "made", [IN_WINDOW, OF_COMMIT, CACHED]),),
            expected=lambda record, _: f"made between {record.started_at:%F %T} and {record.ended_at:%F %T} UTC",
            observed=lambda record, facts: f"{made(record, facts)}, at {record.created_at:%F %T} UTC",
        ),
        Check(
            "B02",
            (in_set("record", "tag", [NEW]),),
            expected=lambda record, facts: f"tag {facts.tag} for {record.release.digest} alone",
            observed=lambda record, facts: f"{record.release.digest}, and before {tag(record, facts)}",
            unless=lambda _record, facts: "" if facts.tag else "the run is about no tag",
            again=lambda _record, facts: bool(facts.tag),  # built for a branch, and now it gets the tag
        ),
        Check(
            "B03",
            (in_set("platforms", "state", [USABLE]),),
            expected=lambda _record, facts: f"a release for {', '.join(facts.platforms or ())}",
            observed=lambda record, _: ", ".join(each.platform for each in record.platforms),
            culprit=lambda row: f"{row['platform']}: {row['state']}",
        ),
        Check(
            "B05",
            (in_set("record", "size", [build_size.AS_USUAL]),),
            expected=build_size.expected,
            observed=build_size.seen,
            severity=build_size.severity,
            history=lambda _record, _: [build_size.SIZE],
        ),
        Check(
            "B07",
            (at_least("record", "inspected", 1), in_set("files", "state", [CLEAN])),
            expected=lambda _record, _: "a release without keys, passwords and the repository's own files",
            observed=lambda record, _: f"{record.inspected_files} files, none of them suspicious",
            culprit=lambda row: str(row.get("file") or "no file was looked at"),
        ),
        Check(
            "B08",
            (in_set("record", "base", [KNOWN]), in_set("record", "change", [UNCHANGED])),
            expected=_base_expected,
            observed=lambda record, _: record.base,
            unless=lambda record, _: "" if record.base else NO_BASE,
            name=_warn_named,
        ),
    ),
)
