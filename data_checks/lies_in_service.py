"""The lies of deploy, smoke test and rollback: what looks green and is not."""

from __future__ import annotations

from data_checks.lie import Lie
from sluice.states import Severity, StageName

STOP = Severity.STOP
DEPLOY, SMOKE, ROLLBACK = StageName.DEPLOY, StageName.SMOKE, StageName.ROLLBACK

LIES = (
    Lie(
        "D01",
        "RUNNING_DIGEST",
        DEPLOY,
        STOP,
        "What runs is not the release that was asked for.",
        "the deploy is done, and another release (or two) serves behind the proxy",
        "`sluice status` shows what runs; deploy again, or go back with `sluice rollback ENV`.",
    ),
    Lie(
        "D02",
        "REPLICAS_SHORT",
        DEPLOY,
        STOP,
        "Fewer healthy replicas run than were declared.",
        "fewer healthy replicas than declared, or one that restarts",
        "See the replicas' logs for why they end or never answer; check `service.health` and the memory limit.",
    ),
    Lie(
        "K01",
        "WRONG_RELEASE",
        SMOKE,
        STOP,
        "The answers come from another release.",
        "the version that the service reports, or what stands behind the proxy, is not the release that was deployed",
        "`sluice status` shows what runs behind the proxy; look for a cache or an old process on the same port.",
    ),
    Lie(
        "K06",
        "CHECKS_MISSING",
        SMOKE,
        STOP,
        "Fewer smoke checks ran than were declared.",
        "a green smoke test that left checks out, or had none",
        "See the stage's log for why the others did not run.",
    ),
    Lie(
        "K03",
        "NO_SAMPLES",
        SMOKE,
        STOP,
        "The load test proves nothing: it has no samples.",
        "the load test made no request, or a threshold had no sample",
        "See k6's output in the stage's log; check `smoke.load.path` and the duration.",
    ),
    Lie(
        "K02",
        "SOFT_ERROR",
        SMOKE,
        STOP,
        "A check did not get what was declared, and the smoke test is called passed all the same.",
        "an answer that looks fine (status 200) with the wrong body, type or header, counted as good",
        "See the check's expected and observed values in the smoke results.",
    ),
    Lie(
        "R02",
        "TARGET_GONE",
        ROLLBACK,
        STOP,
        "The release to go back to is not there any more.",
        "its digest is no longer in the store",
        "Choose another release: `sluice rollback ENV --to RELEASE`; `sluice report` lists those that are there.",
    ),
    Lie(
        "R01",
        "TARGET_NEVER_HEALTHY",
        ROLLBACK,
        STOP,
        "The release to go back to never passed a smoke test here.",
        "the target of the rollback never passed smoke in this environment",
        "Choose a release that did: `sluice rollback ENV --to RELEASE`.",
    ),
    Lie(
        "R05",
        "STILL_BAD",
        ROLLBACK,
        STOP,
        "The rollback is done, and the environment is still not well.",
        "after the rollback the old version is not what answers, or it fails its own smoke test",
        "Act by hand now: `sluice status`, then `sluice rollback ENV --to RELEASE` with an older one.",
    ),
)
