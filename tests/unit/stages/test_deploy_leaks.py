"""A secret's value is found wherever people can read, and is in no result."""

from __future__ import annotations

from pathlib import Path

from sluice.stages.deploy_leaks import no_leak
from sluice.targets.bundles import files_below

VALUE = "correct-horse-battery-staple"


def test_a_value_is_found_in_text_and_in_files_and_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "settings.py").write_text(f"TOKEN = '{VALUE}'\n")
    (tmp_path / "app" / "link").symlink_to(tmp_path / "app" / "settings.py")
    places = [("the record", b"{}"), ("the log", f"token is {VALUE}".encode()), *files_below(tmp_path, "file")]
    found = no_leak({"TOKEN": VALUE, "OTHER": "something else"}, places)
    assert found.state == "broken"
    assert found.observed == "the value of TOKEN is in the log; the value of TOKEN is in file app/settings.py"
    assert VALUE not in found.model_dump_json()


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    found = no_leak({"TOKEN": VALUE}, [("the log", b"starting"), ("a file", tmp_path / "gone")])
    assert (found.state, found.observed) == ("holds", "1 secrets, 2 places, none found")


def test_a_word_is_no_secret_to_look_for() -> None:
    assert no_leak({"MODE": "staging"}, [("the log", b"staging")]).state == "no_subject"
    assert no_leak({}, [("the log", b"staging")]).state == "no_subject"
