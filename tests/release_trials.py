"""Releases of every kind as images, each tried as a run does it: aside, smoke, canary, watch; rolled back when bad."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sluice.config.canary import CanaryConfig
from sluice.config.smoke import HttpCheck, SmokeConfig
from sluice.config.watch import WatchConfig
from sluice.errors import DeployFailedError, SmokeFailedError
from sluice.records.build import Release
from sluice.stages.deploy import deploy, finish
from sluice.stages.deploy_proof import prove
from sluice.stages.deploy_site import Kept
from tests.docker_city import DockerCity
from tests.k6_load import Answer, K6Load

SERVED, WITHDRAWN, ROLLED_BACK = "serves", "never switched", "rolled back"
LATE = "time.monotonic() - BEGAN > 9"
LATER = "time.monotonic() - BEGAN > 20"  # when it serves everybody, and is watched
SOON = "answered > 15"  # requests of users: it breaks as soon as it meets them, however slow the machine is
SLOW_SECONDS = 0.5  # what a user calls slow


@dataclass(frozen=True)
class Kind:
    """What is wrong with a release: code at its start and at each request, or text of the server that is another."""

    name: str
    start: str = ""
    request: str = ""
    change: tuple[str, str] = ("", "")
    late: bool = False  # it breaks under the users' requests only

    def server(self, server: str, late: str = LATE) -> str:
        """Return the server that is bad in this way; `late`: from when on, if under the users' requests only."""
        began = f"import time\nBEGAN = time.monotonic()\n{self.start}\n"
        asked = 'answered += self.path == "/"\n'
        indented = "".join(f"        {line}\n" for line in self.request.replace(LATE, late).splitlines())
        return began + server.replace(*self.change).replace(asked, f"{asked}{indented}", 1)


BAD = (
    Kind("exits at once", "raise SystemExit(3)"),
    Kind("is no program", "this is no program"),
    Kind("misses a variable", "import os; os.environ['DATABASE_URL']"),
    Kind("misses a module", "import nowhere_at_all"),
    Kind("ends at once, content", "raise SystemExit(0)"),
    Kind("writes where it may not", "open('/state', 'w')"),
    Kind("takes more memory than it may", "hog = bytearray(600 << 20)"),
    Kind("is never ready", "time.sleep(3600)"),
    Kind("is never healthy", request="if self.path == '/healthz': return self.send_error(503)"),
    Kind("listens on the wrong port", "import sys; sys.argv[1] = '9999'"),
    Kind("listens for itself alone", change=('("0.0.0.0", ', '("127.0.0.1", ')),
    Kind("answers wrong", change=("BEHAVIOUR = ", "NAME = 'something else'; BEHAVIOUR = "), request="body = 'else'"),
    Kind("has no such page", request="if self.path == '/': return self.send_error(404)"),
    Kind("closes connections", request="if self.path == '/': self.connection.shutdown(2); return"),
    Kind("dies at 20 s", "import threading, os; threading.Timer(20, os._exit, [1]).start()", late=True),
    Kind("fails after a while", request=f"if {LATE}: return self.send_error(500)", late=True),
    Kind("fails a fifth", request=f"if {LATER} and answered % 5 == 0: return self.send_error(503)", late=True),
    Kind("slows down", request=f"if {LATER} and self.path == '/': time.sleep(0.6)", late=True),
    Kind("leaks memory", "LEAK = []", f"if {LATE}: LEAK.append(bytearray(4 << 20))", late=True),
    Kind("closes connections after a while", request=f"if {LATE}: self.connection.shutdown(2); return", late=True),
)


@dataclass(frozen=True)
class Trial:
    """How a release was tried: when, how it ended, and the code of the error that ended it."""

    kind: str
    began: float
    ended: float
    outcome: str
    code: str


@dataclass(frozen=True)
class Seen:
    """What the users saw of a trial; `seconds` from the first symptom (failed or slow) to the last one; None: none."""

    requests: int
    failed: int
    seconds: float | None


CANARY = CanaryConfig(weights=(5, 25, 50), hold=4.0, patience=60.0, min_requests=20)
WATCH = WatchConfig(duration=12.0, max_p95=0.4)


def attempt(
    city: DockerCity,
    release: Release,
    kind: str,
    start_timeout: float = 60.0,
    canary: CanaryConfig = CANARY,
    watched: WatchConfig = WATCH,
) -> Trial:
    """Bring a release up, smoke it, let it take over in steps and watch it, as a run does; go back when it is bad."""
    city.open_run()
    name = release.version.partition("+")[0]
    smoke = SmokeConfig(checks=(HttpCheck(name="name", path="/", contains=name),), timeout=5.0)
    order = city.request(release, start_timeout=start_timeout, strategy="canary", canary=canary, watch=watched)
    began, outcome, code = time.time(), SERVED, ""
    with city.place() as place, city.hold(place):
        try:
            made = deploy(order, place, city.world)
        except DeployFailedError as error:
            return Trial(kind, began, time.time(), WITHDRAWN, error.code)
        kept = Kept(release=release, service=order.service, declaration=order.declaration, smoke=smoke)
        passed = all(check.passed for check in prove(made.smoke_address, kept))
        city.journal.mark_smoke(made.deployment_id, passed)
        if not passed:
            outcome, code = WITHDRAWN, "SMOKE_FAILED"
        else:
            try:
                finish(made, place, city.world)
            except (SmokeFailedError, DeployFailedError) as error:
                outcome, code = ROLLED_BACK, error.code
                city.lines.append(f"{kind}: {error}")
        if outcome != SERVED:
            city.rollback(bad=release)
    return Trial(kind, began, time.time(), outcome, code)


def seen(load: K6Load, trial: Trial) -> Seen:
    """Return what the load saw while a release was tried."""
    answers = load.between(trial.began, trial.ended + 1)
    bad = [answer for answer in answers if _symptom(answer)]
    seconds = bad[-1].ended - (bad[0].ended - bad[0].seconds) if bad else None
    return Seen(len(answers), sum(answer.failed for answer in answers), seconds)


def _symptom(answer: Answer) -> bool:
    return answer.failed or answer.seconds > SLOW_SECONDS
