"""Checks across sections: the mistake is named at its line, and its honest twin passes."""

from __future__ import annotations

import pytest

from sluice.config.load import load
from sluice.config.problems import ConfigFileError

SERVED = "service: {command: [a]}\nenvironments: {one: {port: 8001}, two: {port: 8002}}\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            SERVED + "deploy:\n  - {branch: main, tag: v*, to: one}\n  - {to: two}\n",
            [
                "4:5 deploy[0]: found both branch and tag, allowed: one of them; write two routes for two kinds of ref",
                "5:5 deploy[1]: found neither branch nor tag, allowed: one of them; "
                "write two routes for two kinds of ref",
            ],
        ),
        (
            SERVED + "deploy:\n  - {branch: main, to: one}\n  - {branch: main, to: two}\n",
            ["5:5 deploy[1]: never reached, deploy[0] takes branch 'main' already"],
        ),
        (
            SERVED + "deploy: [{branch: refs/heads/main, to: one}]\n",
            [
                "3:19 deploy[0].branch: found 'refs/heads/main', allowed: a name or glob of branches or tags "
                "without refs/ before it, e.g. main or v*"
            ],
        ),
        (
            "service: {command: [a]}\ndeploy: [{branch: main, to: one}]\n",
            [
                "2:29 deploy[0].to: environment 'one' is not declared, allowed: none is declared; "
                "add it under `environments`"
            ],
        ),
        (
            "environments: {one: {}}\ndeploy: [{branch: main, to: one}]\n",
            ["2:9 deploy: there are routes but no `service`; say how the release is started: service.command"],
        ),
        (
            "service: {health: /up}\nenvironments: {one: {}, two: {target: docker}}\n",
            ["1:10 service: key 'command' is missing; target `process` of 'one' needs it"],
        ),
        (
            "environments: {one: {target: docker, docker: {engine: 'tcp://build:2376'}}}\n",
            [
                "1:55 environments.one.docker.engine: tcp:// needs `tls` with ca, cert and key, "
                "else anybody is root there"
            ],
        ),
        (
            "environments: {one: {canary: {hold: 30s}}}\n",
            ["1:30 environments.one.canary: would never be used with strategy `blue-green`; add `strategy: canary`"],
        ),
        (
            "environments: {one: {strategy: canry}}\n",
            [
                "1:32 environments.one.strategy: found 'canry', allowed: 'blue-green' or 'canary' "
                "(did you mean 'canary'?)"
            ],
        ),
        (
            "environments: {one: {strategy: canary, canary: {weights: [50, 5]}}}\n",
            [
                "1:58 environments.one.canary.weights: found a list, allowed: percents that rise from step to step, "
                "e.g. [5, 25, 50]"
            ],
        ),
        (
            "environments: {one: {freeze: [{from: 2026-12-24T00:00:00Z, to: 2026-12-23T00:00:00Z, reason: no}]}}\n",
            ["1:31 environments.one.freeze[0]: it ends before it begins"],
        ),
        (
            "environments: {one: {target: docker, docker: {tls: {ca: /ca, cert: /cert, key: /key}}}}\n",
            ["1:46 environments.one.docker.tls: only an engine at tcp:// takes certificates; remove it"],
        ),
        (
            "environments: {one: {target: docker, docker: {ssh: {key: /key}}}}\n",
            ["1:46 environments.one.docker.ssh: only an engine at ssh:// takes a key; remove it"],
        ),
        (
            "test: {frameworks: [command]}\n",
            [
                "1:7 test: key 'command' is missing; test.frameworks names `command`, which needs command and report",
                "1:7 test: key 'report' is missing; test.frameworks names `command`, which needs command and report",
            ],
        ),
        (
            "test: {command: [make, test]}\n",
            ["1:17 test: key 'report' is missing; test.command is given, which needs command and report"],
        ),
        (
            "test: {frameworks: [pytest], command: [make], report: a.xml}\n",
            [
                "1:20 test.frameworks: does not name `command`, so test.command would never be used; add `command`",
            ],
        ),
        (
            "test: {command: [make], report: a.xml, shards: 4}\n",
            ["1:48 test.shards: found 4, allowed: 1 with `command`, whose tests Sluice cannot split"],
        ),
        (
            "test: {frameworks: [pytest], skip: only documents here}\n",
            ["1:36 test.skip: says that there are no tests, but test.frameworks is given; remove one"],
        ),
        (
            "environments: {one: {port: 8001}, two: {port: 8001}}\n",
            ["1:47 environments.two.port: port 8001 is taken by environment 'one'; give each its own"],
        ),
        (
            "environments: {one: {variables: {A: b}, secrets: {A: env:A}}}\n",
            ["1:54 environments.one.secrets.A: A is in `variables` too; keep one"],
        ),
        (
            "environments: {one: {variables: {PORT: 80}}}\n",
            ["1:40 environments.one.variables.PORT: PORT is set by Sluice for each replica; remove it"],
        ),
        (
            "environments: {one: {variables: {SLUICE_COMMIT: a}}}\n",
            [
                "1:34 environments.one.variables: key 'SLUICE_COMMIT', allowed: a name that does not begin with "
                "SLUICE_: those say which release answers and are set by Sluice"
            ],
        ),
        (
            "environments: {one: {promote_from: one}}\n",
            ["1:36 environments.one.promote_from: 'one' cannot be promoted from itself"],
        ),
        (
            "environments: {one: {promote_from: two}, two: {promote_from: three}, three: {promote_from: two}}\n",
            [
                "1:62 environments.two.promote_from: 'two' from 'three' from 'two' is a circle, "
                "and no release could ever enter it",
                "1:92 environments.three.promote_from: 'three' from 'two' from 'three' is a circle, "
                "and no release could ever enter it",
            ],
        ),
        (
            "environments: {stage: {}, one: {promote_from: stag}}\n",
            [
                "1:47 environments.one.promote_from: environment 'stag' is not declared (did you mean 'stage'?), "
                "allowed: stage, one"
            ],
        ),
        (
            "smoke: {checks: [{name: a, path: /}, {name: a, path: /b}]}\n",
            ["1:45 smoke.checks[1].name: name 'a' is used twice; reports could not tell them apart"],
        ),
    ],
)
def test_mistakes(text: str, lines: list[str]) -> None:
    with pytest.raises(ConfigFileError) as caught:
        load(text)
    shown = [line.removeprefix("CONFIG: sluice.yaml:") for line in str(caught.value).splitlines()[:-1]]
    assert shown == lines


@pytest.mark.parametrize(
    "text",
    [
        SERVED + "deploy:\n  - {branch: main, to: one}\n  - {tag: main, to: two}\n  - {branch: release/*, to: two}\n",
        "test: {command: [make, test], report: reports/*.xml}\n",
        "test: {frameworks: [pytest, command], command: [make], report: a.xml, shards: 1}\n",
        "test: {frameworks: [pytest], shards: 4}\n",
        "test: {skip: only documents here}\n",
        "service: {command: [a], port_variable: HTTP_PORT}\nenvironments: {one: {variables: {PORT: 80}}}\n",
        "environments: {one: {variables: {A: b}}, two: {secrets: {A: env:A}}}\n",
        "environments: {three: {promote_from: two}, two: {promote_from: one}, one: {}, four: {promote_from: one}}\n",
        "smoke: {checks: [{path: /}, {path: /}]}\nenvironments: {a: {smoke: {checks: [{name: a, path: /}]}}}\n",
    ],
)
def test_their_honest_twins(text: str) -> None:
    load(text)


@pytest.mark.parametrize("section", ["deploy", "environments", "service", "smoke", "test"])
@pytest.mark.parametrize("value", ["text", "1", "true", "[1, [2]]", "{a: {b: [c]}}", "[{branch: [x], to: {}}]", "null"])
def test_any_shape_in_any_section_is_said_and_nothing_breaks(section: str, value: str) -> None:
    text = f"{section}: {value}\nlsf: 1\n"
    with pytest.raises(ConfigFileError) as caught:
        load(text)
    assert "unknown key 'lsf' (did you mean 'lfs'?)" in str(caught.value)
