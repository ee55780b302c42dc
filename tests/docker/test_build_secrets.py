"""A build is given its secrets by the engine's session: a step can use them, and nothing that is kept has one."""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path

import docker
import pytest

from sluice.errors import SluiceError
from sluice.tools.docker.archive import saved
from tests.boundaries import check
from tests.docker_parts import BUSYBOX, PYTHON, Registry
from tests.image_parts import Yard
from tests.planted import FORMS, VALUE, forms_of, told_in

pytestmark = pytest.mark.usefixtures("planted")

MOUNT = "--mount=type=secret,id=npmrc,required"
PRINTS = f"""import base64, html, json, os, shlex
from urllib.parse import quote, quote_plus
{inspect.getsource(forms_of)}
os.mkdir("/forms")
for number, form in enumerate(forms_of(open("/run/secrets/npmrc", encoding="utf-8").read())):
    print(form, flush=True)
    open(f"/forms/{{number}}", "w", encoding="utf-8").write(form)
"""
PRINTED = f"FROM {PYTHON} AS printed\nCOPY forms.py /forms.py\nRUN {MOUNT} python3 /forms.py\nFROM {BUSYBOX}\n"
USES = f"""{PRINTED}COPY --from=printed /forms.py /forms.py
RUN {MOUNT} md5sum < /run/secrets/npmrc > /sum && cat /run/secrets/npmrc && base64 /run/secrets/npmrc
CMD ["cat", "/sum"]
"""
KEEPS = PRINTED + "".join(f"COPY --from=printed /forms/{number} /kept{number}\n" for number in range(len(FORMS)))
DECLARED = {"npmrc": "env:PLANTED"}


def kept(yard: Yard, client: docker.DockerClient, name: str) -> list[str]:
    """Everything that is kept of a build: artifacts, logs, and the image as the registry gives it, unpacked."""
    texts = [path.read_text(errors="replace") for path in yard.home.root.rglob("*") if path.is_file()]
    told = (client.api.inspect_image(name), client.api.history(name))
    texts += [json.dumps(each, ensure_ascii=False) for each in told]
    return [*texts, b"".join(client.images.get(name).save()).decode("utf-8", "replace")]


@pytest.mark.usefixtures("python_image")
def test_a_step_uses_a_secret_and_nothing_that_is_kept_has_it(yard: Yard, client: docker.DockerClient) -> None:
    source = yard.commit({"Dockerfile": USES, "forms.py": PRINTS})
    record = yard.build(yard.request(source, secrets=DECLARED), fresh=True)

    printed = client.containers.run(record.release.reference, remove=True)
    assert printed.split()[0].decode() == hashlib.md5(VALUE.encode()).hexdigest()
    assert "handed secret npmrc to the build" in yard.log
    assert yard.log.count("***") >= len(FORMS) + 2, "a step printed every form, another two of them"
    texts = [record.model_dump_json(), *kept(yard, client, record.release.reference)]
    assert len(texts) > 8
    assert told_in(texts) == []
    known = {"now": record.ended_at, "commit": record.release.commit, "tree": record.tested_tree}
    assert check(record, **known).stops == ()


def test_a_step_that_fails_tells_no_secret(yard: Yard) -> None:
    text = f"FROM {BUSYBOX}\nRUN {MOUNT} cat /run/secrets/npmrc; base64 /run/secrets/npmrc; false\n"
    with pytest.raises(SluiceError, match="BUILD_FAILED") as caught:
        yard.make({"Dockerfile": text}, secrets=DECLARED)
    assert "***" in yard.log
    assert told_in([str(caught.value), caught.value.next_step, repr(caught.value), yard.log]) == []


@pytest.mark.parametrize("how", ["cp /run/secrets/npmrc /kept", "base64 -w 0 /run/secrets/npmrc > /kept"])
def test_an_image_that_keeps_a_secret_never_leaves_the_machine(yard: Yard, registry: Registry, how: str) -> None:
    text = f"FROM {BUSYBOX}\nRUN {MOUNT} {how}\n"
    with pytest.raises(SluiceError, match="SECRET_IN_BUILD: the image keeps secret npmrc, at layer 2 kept"):
        yard.make({"Dockerfile": text}, secrets=DECLARED)
    assert registry.tags(yard.name) == []


@pytest.mark.usefixtures("python_image")
def test_each_form_is_found_in_the_layer_that_keeps_it(
    yard: Yard, registry: Registry, client: docker.DockerClient, tmp_path: Path
) -> None:
    with pytest.raises(SluiceError, match="SECRET_IN_BUILD: the image keeps secret npmrc, at layer 2 kept0"):
        yard.make({"Dockerfile": KEEPS, "forms.py": PRINTS}, secrets=DECLARED)
    assert registry.tags(yard.name) == []

    (image,) = client.images.list(yard.repository)
    with saved(client, str(image.id), tmp_path) as archive:
        found = [archive.holds(VALUE, below) for below in range(1, len(FORMS) + 2)]
    assert found == [*(f"layer {number + 2} kept{number}" for number in range(len(FORMS))), ""]


def test_a_secret_that_is_nowhere_is_told_before_the_build(yard: Yard) -> None:
    with pytest.raises(SluiceError, match=r"SECRET_MISSING: .*NOWHERE.* at build\.image\.secrets\.npmrc"):
        yard.make({"Dockerfile": USES}, secrets={"npmrc": "env:NOWHERE"})
    assert "handed" not in yard.log


def test_the_classic_builder_is_given_none(yard: Yard) -> None:
    with pytest.raises(SluiceError, match="BUILD_SECRET: the classic builder hands no secrets"):
        yard.make({"Dockerfile": USES}, secrets=DECLARED, builder="classic")
