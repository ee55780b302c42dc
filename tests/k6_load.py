"""An open-loop load by k6: requests leave on time, whether or not earlier ones came back; each is a row afterwards."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sluice.tools import programs
from tests.deploy_parts import wait_for

SCRIPT = """\
import http from 'k6/http';
const plan = %s;
export const options = plan.options;
const how = { timeout: plan.timeout, redirects: 0 };
export default function () { Math.random() < plan.posts ? http.post(plan.url, null, how) : http.get(plan.url, how); }
"""
HEAD = 2  # lines of the file of rows before the first request is surely in it


@dataclass(frozen=True)
class Answer:
    """One request: when it ended (seconds since 1970), how long it took (seconds), its status; 0: it broke off."""

    ended: float
    seconds: float
    status: int

    @property
    def failed(self) -> bool:
        """Tell whether it was not answered as it should be."""
        return self.status != 200


class K6Load:
    """k6 at work on one URL between entering and leaving; then `answers` has every request, in order of its end.

    `posts` is the share of requests that are POST, which no proxy may send twice; the others are GET.
    """

    def __init__(self, url: str, folder: Path, rate: int = 100, timeout_seconds: int = 10, posts: float = 0.0) -> None:
        self.folder = folder
        self.answers: list[Answer] = []
        self.dropped = 0
        scenario = {
            "executor": "constant-arrival-rate",
            "rate": rate,
            "timeUnit": "1s",
            "duration": "2h",
            "preAllocatedVUs": rate,
            "maxVUs": 10 * rate,
            "gracefulStop": f"{timeout_seconds}s",
        }
        options = {"scenarios": {"load": scenario}, "discardResponseBodies": True}
        self._plan = {"url": url, "timeout": f"{timeout_seconds}s", "options": options, "posts": posts}

    def __enter__(self) -> K6Load:
        self.folder.mkdir(parents=True, exist_ok=True)
        script, rows, log = (self.folder / name for name in ("load.js", "rows.csv", "log"))
        script.write_text(SCRIPT % json.dumps(self._plan))
        words = [programs.find("k6"), "run", "--quiet", "--no-summary", "--no-usage-report", "--address="]
        words += ["--out", f"csv={rows}", script]
        environment = {**programs.clean_environment("K6_"), "NO_PROXY": "*", "no_proxy": "*"}
        environment |= {"K6_CSV_TIME_FORMAT": "unix_milli", "K6_CSV_SAVE_INTERVAL": "200ms"}
        with log.open("wb") as output:
            self._k6 = subprocess.Popen(words, env=environment, stdout=output, stderr=output, start_new_session=True)
        wait_for(lambda: rows.is_file() and len(rows.read_text().splitlines()) > HEAD, "the first request of k6", 60)
        return self

    def __exit__(self, *_: object) -> None:
        self._k6.send_signal(signal.SIGINT)
        self._k6.wait(60)
        with (self.folder / "rows.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if row["metric_name"] == "http_req_duration":
                    told = int(row["timestamp"]) / 1000, float(row["metric_value"]) / 1000, int(row["status"] or 0)
                    self.answers.append(Answer(*told))
                elif row["metric_name"] == "dropped_iterations":
                    self.dropped += int(float(row["metric_value"]))
        self.answers.sort(key=lambda answer: answer.ended)

    def between(self, began: datetime | float, ended: datetime | float) -> list[Answer]:
        """Return what ended between two moments."""
        low, high = (each.timestamp() if isinstance(each, datetime) else each for each in (began, ended))
        return [answer for answer in self.answers if low <= answer.ended <= high]


def percentile(answers: Sequence[Answer], share: float = 0.99) -> float:
    """Return the seconds that this share of the answers kept."""
    assert answers, "no request in this time"
    times = sorted(answer.seconds for answer in answers)
    return times[min(len(times) - 1, int(share * len(times)))]


def breathe(seconds: float) -> None:
    """Let the load go on by itself: what is measured is time."""
    time.sleep(seconds)
