"""Great Expectations' Data Docs of what the boundaries said: a static site, made on demand and never in a run.

The results are those that were stored when the boundary judged; nothing is judged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from data_checks import engine as warm
from sluice.errors import SluiceError
from sluice.report.words import plain, short
from sluice.states import CheckStatus
from sluice.store.views import CheckView, RunView, StageView

SITE = "sluice"
LOOKED_AT = (CheckStatus.PASSED, CheckStatus.FAILED, CheckStatus.COULD_NOT_RUN)


def write_site(runs: Iterable[RunView], folder: Path) -> Path:
    """Write the site of these runs into `folder`; return its first page.

    Checks without a subject or history are left out: Great Expectations knows success and failure only.
    """
    gx: Any = warm._import()
    context = gx.get_context(mode="ephemeral")
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    site = {"class_name": "SiteBuilder", "store_backend": backend, "site_index_builder": index}
    context.add_data_docs_site(SITE, site)
    for run in runs:
        for stage in run.stages:
            checks = [check for check in stage.checks if check.status in LOOKED_AT]
            if checks:
                _store(context, run, stage, checks)
    context.build_data_docs(site_names=[SITE])
    return folder / "index.html"


def _store(context: Any, run: RunView, stage: StageView, checks: Sequence[CheckView]) -> None:
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    suite = f"after {stage.stage}"
    made = RunIdentifier(run_name=f"run {run.number} {run.id[:8]}", run_time=stage.ended_at or run.created_at)
    good = sum(check.status == CheckStatus.PASSED for check in checks)
    result = ExpectationSuiteValidationResult(
        success=good == len(checks),
        results=[_result(check) for check in checks],
        suite_name=suite,
        statistics={
            "evaluated_expectations": len(checks),
            "successful_expectations": good,
            "unsuccessful_expectations": len(checks) - good,
            "success_percent": 100 * good / len(checks),
        },
        meta={"run_id": made, "project": harmless(run.project), "ref": harmless(run.ref), "commit": run.commit or ""},
    )
    key = ValidationResultIdentifier(ExpectationSuiteIdentifier(suite), made, f"{run.project}-{run.id[:8]}")
    context.validation_results_store.set(key, result)


def _result(check: CheckView) -> Any:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    said = {"code": check.code, "lie": check.name, "expected": plain(short(check.expected))}  # GX escapes parameters
    return ExpectationValidationResult(
        success=check.status == CheckStatus.PASSED,
        expectation_config=ExpectationConfiguration(type=_kind(), kwargs=said),
        result={"observed_value": harmless(short(check.observed or check.message))},
    )


def harmless(text: str) -> str:
    """Return text of strangers that is text in the site too: its templates do not escape by themselves."""
    return escape(plain(text)).replace("$", "&#36;")


@cache
def _kind() -> str:
    """Register the expectation that shows a check of a contract as it was said; return its type."""
    from great_expectations.expectations.expectation import BatchExpectation
    from great_expectations.render.components import LegacyRendererType, RenderedStringTemplateContent
    from great_expectations.render.renderer.renderer import renderer

    class ExpectContractToHold(BatchExpectation):
        """A check of a contract: it was judged at the boundary, here it is only shown."""

        code: str
        lie: str
        expected: str

        def _validate(self, *_: Any, **__: Any) -> Any:
            raise SluiceError("the site only shows what a boundary said", code="NOT_JUDGED_HERE")

        @classmethod
        @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
        def _prescriptive_renderer(
            cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None
        ) -> list[Any]:
            del runtime_configuration  # GX hands it to every renderer
            told = configuration or result.expectation_config
            said = {name: told.kwargs[name] for name in ("code", "lie", "expected")}
            template = {"template": "$code $lie: $expected", "params": said}
            return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]

    assert not ExpectContractToHold.is_abstract()  # else Great Expectations does not register it
    return "expect_contract_to_hold"
