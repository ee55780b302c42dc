"""What `sluice report` says beside the stages: coverage of the change, new findings, canary, waivers, lineage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from sluice.report.changed_lines import ChangeCoverage
from sluice.report.document import AttachmentFacts, CanaryFacts, Findings, Report, Tests, Waiver
from sluice.report.lineage import Node
from sluice.report.words import plain, several, short, uncoloured

SHOWN = 10
OUTPUT_LINES = 12
RED = ("critical", "high")
VERDICTS = {"no worse": "green", "worse": "red"}


def change_lines(change: ChangeCoverage, gate: float | None = None) -> Iterator[Text]:
    """Yield the coverage of the change, and the lines that no test reached."""
    if change.rate is None:
        yield Text("  change: it wrote no line that coverage measures", "dim")
        return
    colour = "green" if change.covered == change.valid else "yellow"
    lines = several(change.valid, "line")
    held = "" if gate is None else f"; the gate is {gate:g} %"
    yield Text(f"  change: {change.rate:.0%} covered, {change.covered} of {lines} that it wrote{held}", colour)
    bad = [file for file in change.files if file.missing]
    for file in bad[:SHOWN]:
        yield Text(f"      {plain(file.path)}: no test reached {file.missing}")
    if len(bad) > SHOWN:
        yield Text(f"      … and {several(len(bad) - SHOWN, 'file')} more", "dim")


def attachment_lines(attachments: Sequence[AttachmentFacts]) -> Iterator[Text]:
    """Yield the files that reports name, and where they are kept or why not."""
    for each in attachments[:SHOWN]:
        kept = f"sha256 {(each.sha256 or '')[:12]}, {each.size:,} bytes" if each.sha256 else each.problem
        yield Text(
            plain(f"  attachment {each.path}  {each.test}  {kept}").replace("\n", " "), "" if each.sha256 else "yellow"
        )
    if len(attachments) > SHOWN:
        yield Text(f"  … and {several(len(attachments) - SHOWN, 'attachment')} more", "dim")


def output_lines(tests: Tests) -> Iterator[Text]:
    """Yield the end of what suites printed, where the stage is not green; else only how much there is."""
    if not tests.output:
        return
    yield Text(f"  suites printed {several(len(tests.output), 'stream')} (`sluice logs`, v_suite_output)", "dim")
    for each in tests.output[:SHOWN] if tests.log else ():
        yield Text(plain(f"      {each.stream} of {each.suite or 'all suites'}").replace("\n", " "), "dim")
        for line in uncoloured(each.output).rstrip().splitlines()[-OUTPUT_LINES:]:
            yield Text(f"      │ {line}", "dim")


def finding_lines(findings: Findings) -> Iterator[Text]:
    """Yield the findings that the base does not have; all of them when there is nothing to compare with."""
    base = findings.base
    shown = findings.new if base else findings.old
    if base:
        against = f"{plain(base.branch)} {(base.commit or '')[:10]} (run {base.run_id[:8]})"
        yield Text(f"  {len(findings.new)} new against {against}, {len(findings.gone)} gone", "dim")
    for each in shown[:SHOWN]:
        colour = "red" if each.blocking else "dim" if each.waived else "yellow" if each.severity in RED else ""
        note = "  waived" if each.waived else "  stops the run" if each.blocking else ""
        yield Text(
            plain(f"  {each.severity:<8} {each.rule}  {each.title}  {each.place}{note}").replace("\n", " "), colour
        )
    if len(shown) > SHOWN:
        yield Text(f"  … and {len(shown) - SHOWN} more", "dim")


def canary_lines(steps: Sequence[CanaryFacts]) -> Iterator[Text]:
    """Yield each share of the requests that a new release had, and how it did beside the old one."""
    for each in steps:
        told = f"  canary {each.weight} %: {each.verdict} after {each.seconds:.0f} s, {each.reason}"
        yield Text(plain(told).replace("\n", " "), VERDICTS.get(each.verdict, "yellow"))


def waiver_lines(waivers: tuple[Waiver, ...]) -> Iterator[Text]:
    """Yield what is accepted for a time, by whom and until when."""
    yield Text("\nwaivers in force", "bold yellow")
    for each in waivers:
        until = f"expired on {each.expires}" if each.expired else f"until {each.expires}"
        words = f"  {each.kind} {short(each.subject)} {until}, {each.owner}: {each.reason}"
        yield Text(plain(words), "red" if each.expired else "yellow")


def node_lines(nodes: tuple[Node, ...], *, indent: str = "") -> Iterator[Text]:
    """Yield a tree of what follows from what, a line a thing."""
    for position, node in enumerate(nodes):
        last = position == len(nodes) - 1
        branch = "" if not node.relation else "└─ " if last else "├─ "
        yield _node(indent + branch, node)
        yield from node_lines(node.children, indent=indent + ("" if not node.relation else "   " if last else "│  "))


def _node(indent: str, node: Node) -> Text:
    line = Text(indent, "dim")
    if node.relation:
        line.append(f"{node.relation} ", "dim")
    line.append(node.kind, "bold").append(f" {node.name}", "cyan")
    if node.again:
        return line.append("  (above)", "dim")
    line.append(f"  {plain(short(node.words))}".rstrip().replace("\n", " "))
    when = f"{node.at:%Y-%m-%d %H:%M:%S}" if node.at else ""
    run = f"run {node.run_id[:8]}" if node.run_id and node.kind != "trigger" else ""
    return line.append("  " + " · ".join(filter(None, (when, run))) if when or run else "", "dim")


def sections(report: Report) -> Iterator[Text]:
    """Yield what follows the stages."""
    if report.waivers:
        yield from waiver_lines(report.waivers)
    if report.lineage:
        yield Text("\nlineage", "bold")
        for line in node_lines(report.lineage):
            yield Text("  ").append_text(line)
