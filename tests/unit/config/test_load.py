"""Rows 56 and 57 of the bad inputs: every problem at once, each with its line, in plain words."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from sluice.config.load import FILE_NAME, SIZE_LIMIT, load, load_project
from sluice.config.model import Config
from sluice.config.problems import SHOWN, ConfigFileError, Position
from sluice.config.yaml_reader import read_yaml
from sluice.errors import ConfigError, Exit

LAST_LINE = "Every key: `sluice schema` and docs/sluice-yaml.md."


def problems(text: str | bytes) -> list[str]:
    """Return the lines that are shown for `text`, without `CONFIG: sluice.yaml:` and the last line."""
    with pytest.raises(ConfigFileError) as caught:
        load(text)
    lines = str(caught.value).splitlines()
    assert lines[-1] == LAST_LINE
    assert caught.value.exit_code is Exit.USAGE
    return [line.removeprefix("CONFIG: sluice.yaml:") for line in lines[:-1]]


def test_the_message_of_row_56() -> None:
    text = "project: shop\ntest:\n  tiemout: 5m\n"
    with pytest.raises(ConfigError) as caught:
        load(text, "pipeline.yml")
    assert str(caught.value) == f"CONFIG: pipeline.yml:3:3 unknown key 'tiemout' (did you mean 'timeout'?)\n{LAST_LINE}"


def test_all_problems_of_row_57_at_once_each_with_its_line() -> None:
    text = """\
test:
  timeout: 5 minutes
build:
  timeout: 0
scan:
  timeout: -5
  scanners: [trivy, semgrep]
service:
  command: [shop]
stages: [checkout, tset]
deploy:
  - {branch: main, to: stagin}
environments:
  staging: {replicas: 0}
"""
    duration = "a number of seconds or text like 30s, 10m, 1h"
    assert problems(text) == [
        f"2:12 test.timeout: found '5 minutes', allowed: {duration}",
        f"4:12 build.timeout: found '0', allowed: {duration}, more than 0, at most 30 days",
        f"6:12 scan.timeout: found '-5', allowed: {duration}, more than 0, at most 30 days",
        "7:21 scan.scanners[1]: found 'semgrep', allowed: 'trivy', 'bandit' or 'hadolint'",
        "10:1 unknown key 'stages' in the document, allowed: project, test, build, scan, service, smoke, environments, "
        "deploy, unaffected_by, waivers, submodules, lfs",
        "12:24 deploy[0].to: environment 'stagin' is not declared (did you mean 'staging'?), allowed: staging",
        "14:23 environments.staging.replicas: found '0', allowed: a whole number from 1 up to 64",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "1:1 the file is empty; remove it, or write one with `sluice init --force`"),
        ("# only a comment\n", "1:1 the file is empty; remove it, or write one with `sluice init --force`"),
        ("- a\n- b\n", "1:1 found a list, allowed: keys and values, e.g. `project: my-service`"),
        ("hello\n", "1:1 found 'hello', allowed: keys and values, e.g. `project: my-service`"),
        ("test:\n\ttimeout: 5m\n", "2:1 not valid YAML: a tab; YAML takes spaces only"),
        ("project: [a\n", "2:1 not valid YAML: a bracket that is not closed"),
        ("project: 'a\n", "2:1 not valid YAML: a quote that is not closed"),
        ("a: b: c\n", "1:5 not valid YAML: a colon where no key can be; put the text in quotes, or indent"),
        ("project: @a\n", "1:10 not valid YAML: text cannot begin with @ here; put it in quotes"),
        ("project: *name\n", "1:10 not valid YAML: alias *name has no anchor &name above it"),
        ("project: a\n---\nproject: b\n", "2:1 not valid YAML: a second document (---); one is allowed"),
        ("project: a\x07b\n", "1:11 not valid YAML: the control character U+0007"),
        ("%YAML 1.1\n---\nlfs: yes\n", "1:1 found '%YAML'; YAML directives are not taken: this is YAML 1.2"),
        ("[" * 100_000, "1:41 not valid YAML: nested deeper than 40 levels"),
        ("test:\n  env: &e {A: *e}\n", "2:8 the aliases expand to more than 40 levels"),
    ],
)
def test_what_cannot_be_read_at_all(text: str, line: str) -> None:
    assert problems(text) == [line]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("lfs: true\nlfs: false\n", "2:1 duplicate key 'lfs', first at line 1"),
        ("project: !!python/object/apply:os.system [id]\n",
         "1:10 the tag '!!python/object/apply:os.system' is not taken, allowed: plain text, numbers, lists"),
        ("project: !secret a\n", "1:10 the tag '!secret' is not taken, allowed: plain text, numbers, lists"),
        ("project: !!binary aGk=\n", "1:10 the tag '!!binary' is not taken, allowed: plain text, numbers, lists"),
        ("test: {env: {A: \"a\\0b\"}}\n", "1:17 the text holds U+0000 at 1, which cannot be stored"),
        ("test: {env: {A: \"\\ud800\"}}\n", "1:17 the text holds U+D800 at 0, which cannot be stored"),
        ("environments: {a: {cpu: .inf}}\n", "1:25 found '.inf', allowed: a finite number"),
        ("environments: {a: {cpu: .nan}}\n", "1:25 found '.nan', allowed: a finite number"),
        ("? [a]\n: b\n", "1:3 a key must be text"),
        ("<<: hello\n", "1:1 the merge key << takes an alias of a mapping"),
        (f"environments: {{a: {{port: {'9' * 5000}}}}}\n", f"1:26 found '{'9' * 79}…', which is no int"),
    ],
)  # fmt: skip
def test_what_no_configuration_holds(text: str, line: str) -> None:
    assert line in problems(text)


def test_an_alias_bomb_is_refused_quickly_and_small() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    (line,) = problems("\n".join(lines))
    assert line.endswith("the aliases expand to more than 20000 values")


def test_a_merge_bomb_is_refused() -> None:
    lines = ["m0: &m0 {a: 1}"]
    lines += [f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 10)}]}}" for i in range(1, 10)]
    (line,) = problems("\n".join(lines))
    assert "the aliases expand to more than" in line


def test_too_large(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"#" * 10_000_000)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"CONFIG: sluice.yaml is too large, found '10000000 bytes', allowed: {SIZE_LIMIT} bytes"
    with pytest.raises(ConfigError, match="too large"):
        load("#" * (SIZE_LIMIT + 1))


def test_a_text_in_another_encoding() -> None:
    assert problems("project: a\n# Grün\n".encode("latin-1")) == [
        "2:5 found the byte 0xfc, which is not UTF-8; save the file as UTF-8"
    ]
    assert load("project: a\n".encode("utf-8-sig")).config.project == "a"


def test_only_a_regular_file_inside_the_project_is_read(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("password\n")
    project = tmp_path / "project"
    project.mkdir()
    (project / FILE_NAME).symlink_to(outside)
    with pytest.raises(ConfigError, match="not a regular file inside the project") as caught:
        load_project(project)
    assert "password" not in str(caught.value)
    (project / FILE_NAME).unlink()
    os.mkfifo(project / FILE_NAME)  # would block who opens it
    with pytest.raises(ConfigError, match="not a regular file inside the project"):
        load_project(project)
    (project / FILE_NAME).unlink()
    (project / FILE_NAME).symlink_to("nothing")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_project(project)


def test_without_a_file_the_defaults_count_but_not_under_a_wrong_name(tmp_path: Path) -> None:
    loaded = load_project(tmp_path)
    assert (loaded.config, loaded.source) == (Config(), None)
    (tmp_path / "sluice.yml").write_text("project: a\n")
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path)
    assert str(caught.value) == (
        "CONFIG: found sluice.yml, which is not read, at sluice.yml, allowed: sluice.yaml. "
        "Rename it: mv sluice.yml sluice.yaml"
    )


def test_norway_and_numbers_stay_text_where_text_is_wanted() -> None:
    loaded = load(
        "test:\n  matrix:\n    python: [3.10, 3.9]\n    env: {C: [no, on, yes, true, 010, 1e3, 2026-01-01, ~x]}\n"
    )
    assert loaded.config.test.matrix.python == ("3.10", "3.9")
    assert loaded.config.test.matrix.env == {"C": ("no", "on", "yes", "true", "010", "1e3", "2026-01-01", "~x")}


def test_only_true_and_false_are_true_and_false() -> None:
    assert problems("lfs: yes\nsubmodules: on\n") == [
        "1:6 lfs: found 'yes', allowed: true or false",
        "2:13 submodules: found 'on', allowed: true or false",
    ]
    assert load("lfs: true\nsubmodules: False\n").config.lfs is True


def test_numbers_are_numbers() -> None:
    assert problems("environments: {a: {replicas: true, cpu: '1', port: 80.5}}\n") == [
        "1:30 environments.a.replicas: found 'true', allowed: a whole number from 1 up to 64",
        "1:41 environments.a.cpu: found '1', allowed: a number more than 0 up to 256",
        "1:52 environments.a.port: found '80.5', allowed: a whole number from 1 up to 65535",
    ]


def test_anchors_and_merge_keys_work() -> None:
    text = "environments:\n  a: &a {replicas: 2, cpu: 0.5}\n  b:\n    <<: *a\n    cpu: 2\n  c: *a\n"
    loaded = load(text)
    made = {name: (e.replicas, e.cpu) for name, e in loaded.config.environments.items()}
    assert made == {"a": (2, 0.5), "b": (2, 2.0), "c": (2, 0.5)}
    assert loaded.places.value(("environments", "b", "replicas")) == Position(2, 20)


def test_positions_of_what_was_read() -> None:
    loaded = load("project: a\ntest:\n  timeout: 5m\n  paths:\n    - one\n    - two\n")
    assert loaded.places.key(("test", "timeout")) == Position(3, 3)
    assert loaded.places.value(("test", "timeout")) == Position(3, 12)
    assert loaded.places.value(("test", "paths", 1)) == Position(6, 7)
    assert loaded.places.value(("test", "shards")) == Position(2, 1)  # not written: what is above it


def test_a_command_as_text_is_shown_as_a_list() -> None:
    assert problems("service: {command: python -m 'my app'}\n") == [
        "1:20 service.command: found \"python -m 'my app'\", allowed: a list of words: [python, -m, my app]"
    ]


def test_a_command_for_a_shell_is_shown_with_one() -> None:
    (said,) = problems("test: {command: npm install && node --test, report: r.xml}\n")
    allowed = 'a list of words, as no shell reads it; with one: [sh, -c, "npm install && node --test"]'
    assert said == f"1:17 test.command: found 'npm install && node --test', allowed: {allowed}"
    loaded = load('test: {command: [sh, -c, "npm install && node --test"], report: r.xml}\n')
    assert loaded.config.test.command == ("sh", "-c", "npm install && node --test")


def test_a_secret_is_a_reference_and_never_shown() -> None:
    lines = problems("environments: {a: {secrets: {TOKEN: hunter2hunter2, B: 'file:relative', C: 12345678}}}\n")
    allowed = "allowed: a reference: env:NAME, file:/absolute/path or block:name"
    assert lines == [
        f"1:37 environments.a.secrets.TOKEN: found something else, {allowed}",
        f"1:56 environments.a.secrets.B: found something else, {allowed}",
        f"1:76 environments.a.secrets.C: found something else, {allowed}",
    ]
    good = "environments: {a: {secrets: {A: env:NAME, B: file:/x, C: block:my-block}}}\n"
    assert load(good).config.environments["a"].secrets == {"A": "env:NAME", "B": "file:/x", "C": "block:my-block"}


def test_what_is_missing_is_said_with_its_meaning() -> None:
    assert problems("scan:\n  waivers:\n    - {fingerprint: ab, reason: long enough, expires: 2026-02-30}\n") == [
        "3:7 scan.waivers[0]: key 'owner' is missing (Who accepted it)",
        "3:55 scan.waivers[0].expires: found '2026-02-30', allowed: a day of the calendar written YYYY-MM-DD "
        "(day is out of range for month)",
    ]


def test_a_key_of_another_section_is_sent_there() -> None:
    assert problems("replicas: 2\n") == [
        "1:1 unknown key 'replicas' in the document; it belongs to environments.<name>"
    ]


def test_json_paths_and_their_values() -> None:
    text = "smoke:\n  version: {json: commit}\n  checks:\n    - {path: /, json: {'$.a[': 1, $.b: [1]}}\n"
    assert problems(text) == [
        "2:19 smoke.version.json: found 'commit', allowed: a JSONPath such as $.status or $.items[0].name; "
        "it begins with $",
        "4:24 smoke.checks[0].json: key '$.a[', allowed: a JSONPath such as $.status or $.items[0].name "
        "(unexpected end of query)",
        "4:40 smoke.checks[0].json.$.b: found a list, allowed: text, a number, true, false",
    ]


def test_of_very_many_problems_the_first_are_shown() -> None:
    lines = problems("".join(f"key{i:03}: 1\n" for i in range(120)))
    assert len(lines) == SHOWN + 1
    assert lines[0].startswith("1:1 unknown key 'key000'")
    assert lines[-1] == "CONFIG: … and 70 more"


def test_the_error_survives_pickling() -> None:
    with pytest.raises(ConfigFileError) as caught:
        load("lfs: 1\ntest: 2\n")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.problems) == (str(caught.value), caught.value.problems)


def test_the_same_text_is_read_once_and_a_changed_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr("sluice.config.load.read_yaml", lambda text, name: read.append(text) or read_yaml(text, name))
    texts, path = [f"project: {name}  # {tmp_path}\n" for name in ("one", "two")], tmp_path / FILE_NAME
    for text in texts:
        path.write_text(text)
        assert load_project(tmp_path).config == load(text).config
    assert read == texts
