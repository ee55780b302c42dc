"""What a run is about: the resolved ref, and what the project declares for that commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from flows.earlier import earlier
from flows.run import Run
from flows.since import files_since
from sluice import secrets
from sluice.artifacts import ArtifactStore
from sluice.config.detect import detect
from sluice.config.effective import effective
from sluice.config.load import FILE_NAME, load, load_project
from sluice.config.model import Config, Environment
from sluice.config.plan import Plan, plan
from sluice.database import database
from sluice.findings.gate import blocks, is_expired
from sluice.records.build import BuildRecord, BuildRequest
from sluice.records.checkout import ChangedFile, CheckoutRecord, CheckoutRequest, RefKind, ResolvedRef
from sluice.records.common import ArtifactRef, SourceRef
from sluice.records.deploy import DeployRequest
from sluice.records.request import PipelineRequest, Trigger, without_credentials
from sluice.records.scan import FindingSeverity, ScanRecord, ScanRequest
from sluice.records.testing import ChangedLines, TestRecord, TestRequest
from sluice.releases.tags import moving_tags, version_tags
from sluice.stages.build_platforms import own_platform
from sluice.stages.content import content_digest
from sluice.stages.testing import cells, changed_lines
from sluice.states import StageName
from sluice.store.precedents import Precedents
from sluice.tools import git


def resolve(run: Run, request: PipelineRequest) -> tuple[ResolvedRef, Config]:
    """Return the ref as it stands now, and the `sluice.yaml` of its commit (the defaults when it has none).

    Of a run that resumes another: as that one recorded them.

    Raises:
        UsageError: no repository, no such ref.
        ConfigError: the file is wrong; every problem with its line.
    """
    run.earlier = earlier(request)
    if run.earlier is not None:
        resolved = run.earlier.resolved(run.home)
    else:
        resolved = git.resolve(request.repository, request.ref, run.home, log=None)
    if run.earlier is not None and run.earlier.config is not None:
        return resolved, run.earlier.config
    text = git.read_file(Path(resolved.mirror), resolved.commit, FILE_NAME)
    return resolved, Config() if text is None else load(text, FILE_NAME).config


def checkout_request(request: PipelineRequest, resolved: ResolvedRef, config: Config) -> CheckoutRequest:
    """Return what the checkout stage is asked for."""
    return CheckoutRequest(
        resolved=resolved,
        expected_commit=request.expected_commit,
        base_ref=request.base_ref,
        submodules=config.submodules,
        lfs=config.lfs,
    )


def checkout_facts(run: Run, request: PipelineRequest, resolved: ResolvedRef) -> dict[str, Any]:
    """Return what the boundary after the checkout holds the record against; a declared rewind of a branch is none."""
    mirror, before = Path(resolved.mirror), request.previous_commit
    served = Precedents(database(), run.project, resolved.name).served()
    newer = [commit for commit in served if commit not in (resolved.commit, before)]
    overwritten = before is not None and not git.is_ancestor(mirror, before, resolved.commit)
    superseded = tuple(commit for commit in newer if git.is_ancestor(mirror, resolved.commit, commit))
    if overwritten or superseded:  # one that was accepted before is not reused: it goes to its boundary
        run.anew.add(StageName.CHECKOUT)
    return {
        "previous_commit": before,
        "overwritten": overwritten,
        "superseded_by": superseded,
        "by_hand": request.trigger in (Trigger.CLI, Trigger.UI),
    }


@dataclass(frozen=True)
class Project:
    """The project at one commit: its effective configuration and its plan for this ref."""

    config: Config
    plan: Plan
    source: SourceRef
    ref_kind: RefKind
    ref_name: str
    changed: tuple[ChangedFile, ...] = ()
    tags: tuple[str, ...] = ()
    origin: str = ""
    author: str = ""

    @property
    def environment(self) -> str | None:
        """Name of the environment that the release goes to; None: nowhere."""
        return self.plan.environment

    @property
    def declaration(self) -> Environment:
        """The declaration of that environment."""
        assert self.plan.environment is not None
        return self.config.environments[self.plan.environment]

    def test_requests(self, run: Run) -> list[TestRequest]:
        """Return one request a cell of the test matrix; of a resumed run, if asked for, only what was red."""
        durations = run.durations() if self.config.test.shards > 1 else {}
        requests = [
            TestRequest(source=self.source, config=self.config.test, cell=cell, durations=durations)
            for cell in cells(self.config.test)
        ]
        if run.earlier is None or not run.earlier.failed_tests:
            return requests
        return run.earlier.only_red(requests, ArtifactStore(run.home.artifacts), run.log)

    def _changed_lines(self, run: Run) -> Callable[[TestRecord], ChangedLines | None] | None:
        if self.config.test.coverage.changed_lines is None:
            return None
        return partial(changed_lines, self.changed, artifacts=ArtifactStore(run.home.artifacts))

    def test_facts(self, run: Run) -> dict[str, Any]:
        """Return what the boundary after the tests holds the record against."""
        return {
            "skip_reason": self.config.test.skip,
            "coverage_gate": self.config.test.coverage.fail_under,
            "changed_lines_gate": self.config.test.coverage.changed_lines,
            "changed_lines": self._changed_lines(run),
            "count_drop": self.config.test.max_drop,
            "coverage_drop": self.config.test.coverage.max_drop,
            "files_since": files_since(run, self.source, "test.total"),
        }

    def build_request(self) -> BuildRequest:
        """Return what the build stage is asked for."""
        return BuildRequest(
            source=self.source,
            config=self.config.build,
            tested_tree=self.source.tree,
            command=self.config.service.command if self.config.service else (),
            tags=self.tags,
            version_tags=version_tags(self.ref_kind, self.ref_name),
            origin=self.origin,
        )

    def build_facts(self, run: Run) -> dict[str, Any]:
        """Return what the boundary after the build holds the record against."""
        before = Precedents(database(), run.project, self.ref_name)
        tag = self.ref_name if self.ref_kind is RefKind.TAG else ""
        return {
            "platforms": self.config.build.platforms or (own_platform(),),
            "python": self.config.build.python,
            "tag": tag,
            "tag_digests": before.tag_digests(tag) if tag else (),
            "previous_base": before.base(),
            "files_since": files_since(run, self.source, "build.size"),
        }

    def base_findings(self, run: Run) -> dict[str, date]:
        """Return the findings over the gate that the newest passed scan of the default branch has: first seen when."""
        gate = self.config.scan.gate
        if gate == "none":
            return {}
        found = Precedents(database(), run.project, self.ref_name).findings(run.default_branch, run.id)
        over = FindingSeverity(gate)
        return {name: day for name, (severity, day) in found.items() if blocks(FindingSeverity(severity), over)}

    def scan_request(self, built: BuildRecord, base: dict[str, date]) -> ScanRequest:
        """Return what the scan stage is asked for."""
        image = self.config.build.image if built.image is not None else None
        return ScanRequest(
            source=self.source,
            release=built.release,
            config=self.config.scan,
            layers=built.image.layers if built.image is not None else (),
            login=image.login if image is not None else None,
            dockerfile=str(image.dockerfile) if image is not None else "",
            base=base,
        )

    def scan_facts(self, run: Run, base: dict[str, date]) -> dict[str, Any]:
        """Return what the boundary after the scan holds the record against."""
        today = datetime.now(UTC).date()
        expired = tuple(each.fingerprint for each in self.config.scan.waivers if is_expired(each, today))
        since = files_since(run, self.source, "scan.packages")
        return {"base_findings": base, "files_since": since, "expired_waivers": expired}

    def deploy_request(
        self, built: BuildRecord, scanned: ScanRecord, evidence: tuple[ArtifactRef, ...] = (), *, allow_downgrade: bool
    ) -> DeployRequest:
        """Return what the deploy stage is asked for."""
        assert self.plan.environment is not None
        return DeployRequest(
            environment=self.plan.environment,
            declaration=self.declaration,
            release=built.release,
            service=self.config.service,
            smoke=self.config.smoke_of(self.plan.environment),
            vulnerabilities_scanned=scanned.vulnerabilities_scanned,
            others={name: each for name, each in self.config.environments.items() if name != self.plan.environment},
            mirror=self.source.mirror,
            allow_downgrade=allow_downgrade,
            evidence=evidence,
            waived=self.config.waived(datetime.now(UTC).date()),
            registry_login=self.config.registry_login,
        )


def read_project(run: Run, request: PipelineRequest, accepted: CheckoutRecord) -> Project:
    """Return the project as its files declare it, or as the run that is resumed recorded it."""
    config, chosen = _pinned(run) or _declared(run, request, accepted)
    secrets.learn(config.build.image.secrets.values() if config.build.image else ())
    for each in config.environments.values():
        secrets.learn([*each.secrets.values(), *([each.migrate.database] if each.migrate else [])])
    source = accepted.source.model_copy(update={"content": content_digest(accepted.source, config.unaffected_by)})
    run.store.set_plan(run.id, chosen.model_dump(mode="json"), config.model_dump(mode="json"), chosen.stages)
    ref = accepted.ref_kind, accepted.ref_name
    tags = moving_tags(*ref, source.commit, accepted.default_branch, pull_request=request.pull_request)
    author = f"{accepted.author_name} <{accepted.author_email}>"
    repository = without_credentials(request.repository)
    return Project(config, chosen, source, *ref, accepted.changed_files, tags, repository, author)


def _pinned(run: Run) -> tuple[Config, Plan] | None:
    if run.earlier is None or run.earlier.config is None or run.earlier.plan is None:
        return None
    return run.earlier.config, run.earlier.plan


def _declared(run: Run, request: PipelineRequest, accepted: CheckoutRecord) -> tuple[Config, Plan]:
    """Read the files from a clean tree; they are never executed."""
    tree = run.home.workspaces / run.id / "project"
    git.materialise(accepted.source, tree, log=run.log)
    config = effective(load_project(tree).config, detect(tree, run.project))
    chosen = plan(
        config, accepted.ref_kind, accepted.ref_name, accepted.default_branch, pull_request=request.pull_request
    )
    return config, chosen
