"""What would run for a ref: the stages, the environment, and why."""

from __future__ import annotations

from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field

from sluice.config.model import Config, Route
from sluice.errors import ConfigError
from sluice.records.checkout import RefKind
from sluice.states import StageName

ALWAYS = (StageName.CHECKOUT, StageName.TEST, StageName.BUILD, StageName.SCAN)


class Plan(BaseModel):
    """The stages of a run in their order. Rollback is in no plan: it stands by whenever there is a deploy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: tuple[StageName, ...]
    environment: str | None = Field(description="where the release goes; None: nowhere")
    reasons: dict[StageName, str] = Field(description="why each stage runs, and why deploy does not")

    @property
    def deploys(self) -> bool:
        """Tell whether the release goes anywhere."""
        return self.environment is not None


def plan(
    config: Config, ref_kind: RefKind, ref_name: str, default_branch: str = "main", *, pull_request: bool = False
) -> Plan:
    """Return the plan for a ref; the first route that matches counts, letters are compared exactly.

    Args:
        config: the effective configuration.
        ref_kind: what the ref named.
        ref_name: name without `refs/heads/` or `refs/tags/`; of a commit, its hash.
        default_branch: named in the reason when nothing goes anywhere.
        pull_request: a proposed change is never deployed, whatever its branch is called.

    Raises:
        ConfigError: a route leads to an environment that is not declared, or there is nothing to start.
    """
    reasons = dict.fromkeys(ALWAYS, "every commit")
    if config.test.skip:
        reasons[StageName.TEST] = f"skipped by declaration: {config.test.skip}"
    if pull_request:
        return _without_deploy(reasons, "a pull request is never deployed")
    if ref_kind is RefKind.COMMIT:
        return _without_deploy(reasons, "a bare commit is neither branch nor tag")
    route = next((route for route in config.deploy if _matches(route, ref_kind, ref_name)), None)
    if route is None:
        return _without_deploy(reasons, _nowhere(config, ref_kind, ref_name, default_branch))
    _can_deploy(config, route)
    glob = route.branch if ref_kind is RefKind.BRANCH else route.tag
    reasons[StageName.DEPLOY] = f"{ref_kind} {ref_name} goes to {route.to} (deploy: {ref_kind} {glob})"
    reasons[StageName.SMOKE] = f"what was deployed to {route.to} must answer"
    reasons[StageName.ROLLBACK] = "stands by: runs when smoke fails"
    return Plan(stages=(*ALWAYS, StageName.DEPLOY, StageName.SMOKE), environment=route.to, reasons=reasons)


def _matches(route: Route, kind: RefKind, name: str) -> bool:
    glob = route.branch if kind is RefKind.BRANCH else route.tag
    return glob is not None and fnmatchcase(name, glob)


def _without_deploy(reasons: dict[StageName, str], why: str) -> Plan:
    return Plan(stages=ALWAYS, environment=None, reasons={**reasons, StageName.DEPLOY: f"not deployed: {why}"})


def _nowhere(config: Config, kind: RefKind, name: str, default_branch: str) -> str:
    if not config.deploy:
        return "no deploy routes are declared"
    globs = [route.branch if kind is RefKind.BRANCH else route.tag for route in config.deploy]
    known = ", ".join(glob for glob in globs if glob) or "none"
    here = " (the default branch)" if kind is RefKind.BRANCH and name == default_branch else ""
    return f"no deploy route takes {kind} {name}{here}; {kind} routes: {known}"


def _can_deploy(config: Config, route: Route) -> None:
    """A route that leads nowhere stops the run; to leave the deploy out would look like success."""
    if route.to not in config.environments:
        allowed = ", ".join(config.environments) or "none is declared"
        raise ConfigError("a deploy route leads to no declared environment", found=route.to, allowed=allowed)
    if config.service is None:
        raise ConfigError(
            "there are deploy routes but no service", where="service", next_step="Say how it starts: service.command."
        )
