"""After scan: was the right thing looked at, by scanners that work, with data that is fresh?"""

from __future__ import annotations

from data_checks.contract import BoundaryFacts, Check, Contract
from data_checks.frames import Frame, Parameter, Row, at_least, at_most, in_set, unique
from data_checks.scan_findings import BELOW, HELD, OLD, SETTLED, WAIVED, finding_rows, news_severity
from sluice.records.scan import Scanner, ScanRecord
from sluice.stages.source_files import dependency_files
from sluice.states import Severity

OK, LEFT_OUT = "ok", "not run, with a reason"
FOLLOWS = "follows from the findings"
IN_TIME, WHOLE = "no waiver expired", "as many as before"
LOST_SHARE, LOST_LEAST = 0.2, 2  # of the packages: fewer come and go with an image or a scanner
KEPT = 1000  # findings that a record holds; the rest is in its artifact


def record_row(record: ScanRecord, facts: BoundaryFacts) -> list[Row]:
    """Return the one row of facts about the scan."""
    return [
        {
            "looked_at": looked_at(record),
            "scanned": told(record.scanned_digest, record.scanned_tree, record.subject_digest),
            "data": data(record, facts),
            "verdict": verdict(record),
            "waivers": waivers(record, facts),
            "packages": packages(record, facts),
        }
    ]


def waivers(record: ScanRecord, facts: BoundaryFacts) -> str:
    """Tell which accepted findings have had their last day, when they were scanned or since."""
    expired = sorted({*record.expired, *(set(record.waived) & set(facts.expired_waivers))})
    return f"expired: {', '.join(expired)}" if expired else IN_TIME


def packages(record: ScanRecord, facts: BoundaryFacts) -> str:
    """Tell whether the bill of materials lost more packages than the lock did, since the last accepted run."""
    before, lock = (facts.baseline(metric) for metric in PACKAGES)
    if before is None or lock is None:
        return WHOLE
    lost = before.latest - len(record.packages)
    explained = max(0.0, lock.latest - int(facts.need("lock_packages")))
    if lost - explained <= max(LOST_LEAST, LOST_SHARE * before.latest):
        return WHOLE
    return f"{len(record.packages)} packages, {before.latest:.0f} before; the lock lost {explained:.0f}"


def loss_severity(record: ScanRecord, facts: BoundaryFacts) -> Severity:
    """Only warn where the loss may be meant: files that name dependencies lost a line for each package, or more.

    The release's lock knows its own packages only; tools of developers and other languages are in the scan too.
    """
    before = facts.baseline("scan.packages")
    if before is None or facts.files_since is None:
        return Severity.WARN
    locks = [file for file in facts.files_since if dependency_files([file.old_path or file.path])]
    deleted = sum(file.deletions or 0 for file in locks)
    return Severity.WARN if 0 < before.latest - len(record.packages) <= deleted else Severity.STOP


PACKAGES = ("scan.packages", "build.lock_packages")


def looked_at(record: ScanRecord) -> int:
    """Return the number of packages and of items that working scanners looked at.

    An image in which no package was found was not looked at for vulnerabilities, whatever else was.
    """
    if record.image_packages == 0 and record.vulnerabilities_scanned:
        return 0
    return len(record.packages) + sum(each.items_scanned for each in record.scanners if each.status == "ok")


def seen_in_all(record: ScanRecord, _facts: BoundaryFacts) -> str:
    """Tell how much was looked at."""
    inside = "" if record.image_packages is None else f"{record.image_packages} packages in the image, "
    return f"{inside}{len(record.packages)} packages, {looked_at(record)} packages and files in all"


def data(record: ScanRecord, facts: BoundaryFacts) -> str:
    """Tell what the vulnerability data is worth."""
    if not record.vulnerabilities_scanned:
        if facts.database_configured:
            return f"SCANNER_DB_MISSING: {record.not_scanned_reason or 'not scanned for vulnerabilities'}"
        return "not scanned" if record.not_scanned_reason else "SCANNER_DB_MISSING: not scanned, and no reason"
    ages = [
        (facts.now - s.database_updated_at).total_seconds() / 86400 for s in record.scanners if s.database_updated_at
    ]
    if not ages:
        return "SCANNER_DB_MISSING: scanned, and no scanner names the age of its data"
    if min(ages) > facts.database_max_age_days:
        return f"SCANNER_DB_STALE: {min(ages):.1f} days old"
    return "fresh"


def told(scanned: str, tree: str, subject: str) -> str:
    """Return in words what was scanned and for what."""
    return f"{scanned} of tree {tree}, to deploy {subject}"


def verdict(record: ScanRecord) -> str:
    """Tell whether the verdict follows from the findings, and whether they are all there."""
    if min(record.findings_total, KEPT) != min(len(record.findings), KEPT):
        return f"{record.findings_total} findings in all, and {len(record.findings)} of them here"
    if record.blocking and record.passed:
        return "called passed, with findings over the gate"
    return FOLLOWS


def scanner_rows(record: ScanRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return one row a scanner."""
    return [{"name": each.name, "outcome": outcome(each), "reason": each.reason} for each in record.scanners]


def outcome(scanner: Scanner) -> str:
    """Tell what became of a scanner; one that did not run says why."""
    if scanner.status == "not_run":
        return LEFT_OUT if scanner.reason else "not run, without a reason"
    return scanner.status


def _new(record: ScanRecord, _facts: BoundaryFacts) -> str:
    held = f"{len(record.blocking)} held against the gate" if record.blocking else "none over the gate"
    return f"{record.findings_total} findings, {held}"


def _asked(facts: BoundaryFacts) -> str:
    return told(facts.need("release_digest"), facts.need("tree"), facts.need("release_digest"))


def _data_name(record: ScanRecord, facts: BoundaryFacts) -> str:
    return "SCANNER_DB_MISSING" if data(record, facts).startswith("SCANNER_DB_MISSING") else "SCANNER_DB_STALE"


def _findings(record: ScanRecord, _facts: BoundaryFacts) -> str:
    return f"{record.findings_total} findings, verdict {verdict(record)}"


CONTRACT = Contract(
    record=ScanRecord,
    frames=(
        Frame("record", ("looked_at", "scanned", "data", "verdict", "waivers", "packages"), record_row),
        Frame(
            "scanners",
            ("name", "outcome", "reason"),
            scanner_rows,
            count=lambda record, _: len(record.scanners),
            empty="there is no scanner to look at (S02)",
        ),
        Frame(
            "findings",
            ("fingerprint", "title", "severity", "score", "wrong_score", "treated", "news"),
            finding_rows,
            count=lambda record, _: len(record.findings),
            empty="there is no finding to look at",
        ),
    ),
    parameters=lambda _record, facts: {"scanned": [_asked(facts)]},
    checks=(
        Check(
            "S07",
            (in_set("scanners", "outcome", [OK, LEFT_OUT]),),
            expected=lambda _record, _: "scanners that ran to their end, or say why they were left out",
            observed=lambda record, _: ", ".join(f"{each.name} {outcome(each)}" for each in record.scanners),
            culprit=lambda row: f"{row['name']}: {row['outcome']} {row['reason']}".strip(),
        ),
        Check(
            "S02",
            (at_least("record", "looked_at", 1),),
            expected=lambda _record, _: "at least 1 package or file that was looked at",
            observed=seen_in_all,
        ),
        Check(
            "S04",
            (in_set("record", "scanned", Parameter("scanned")),),
            expected=lambda _record, facts: _asked(facts),
            observed=lambda record, _: told(record.scanned_digest, record.scanned_tree, record.subject_digest),
        ),
        Check(
            "S01",
            (in_set("record", "data", ["fresh"]),),
            expected=lambda _record, facts: f"vulnerability data of at most {facts.database_max_age_days:g} days",
            observed=data,
            unless=lambda record, facts: record.not_scanned_reason if data(record, facts) == "not scanned" else "",
            name=_data_name,
            again=lambda record, facts: record.vulnerabilities_scanned or facts.database_configured,  # it grows older
        ),
        Check(
            "S05",
            (
                in_set("record", "verdict", [FOLLOWS]),
                unique("findings", "fingerprint"),
                at_most("findings", "wrong_score", 0),
                in_set("findings", "treated", [BELOW, WAIVED, HELD, OLD]),
            ),
            expected=lambda _record, _: "each finding once, whole, and held against the gate where it is over it",
            observed=_findings,
            culprit=lambda row: (
                f"{row['fingerprint']} ({row['severity']}, score {row['score']}, {row['treated']})"
                if "fingerprint" in row
                else f"verdict: {row['verdict']}"
            ),
        ),
        Check(
            "S06",
            (in_set("record", "waivers", [IN_TIME]),),
            expected=lambda _record, facts: f"accepted findings whose last day is {facts.now:%F} or later",
            observed=waivers,
            again=lambda record, _: bool(record.waived),  # time has passed
        ),
        Check(
            "S08",
            (in_set("findings", "news", [SETTLED]),),
            expected=lambda record, _: f"no finding of severity {record.gate} or above that is let through",
            observed=_new,
            culprit=lambda row: f"{row['severity']} {row['title']} ({row['fingerprint']}): {row['news']}",
            severity=news_severity,
            again=lambda record, _: bool(record.old),  # the base may have mended them
        ),
        Check(
            "S03",
            (in_set("record", "packages", [WHOLE]),),
            expected=lambda _record, _: "a bill of materials that loses no more packages than the lock does",
            observed=lambda record, facts: (
                f"{len(record.packages)} packages" if packages(record, facts) == WHOLE else packages(record, facts)
            ),
            severity=loss_severity,
            history=lambda _record, _: PACKAGES,
        ),
    ),
)
