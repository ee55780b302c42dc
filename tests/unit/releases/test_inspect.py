"""What must not be in a release is seen by its name and by what is in it; what only looks like it is let through."""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from sluice.releases.inspect import BundleUnreadableError, inspect, suspicious
from tests.broken_archives import BROKEN, WHOLE

BODY = base64.b64encode(bytes(range(200))).decode()
# Put together here, so that this file holds none.
KEY = f"-----BEGIN RSA {'PRIVATE'} KEY-----\n{BODY}\n-----END RSA {'PRIVATE'} KEY-----\n"
AWS = "AKIA" + "Q3EGRZWBLX6PTN2D"


def bundle(folder: Path, files: dict[str, bytes]) -> Path:
    target = folder / "bundle.tar.gz"
    with tarfile.open(target, "w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target


def wheel(files: dict[str, str]) -> bytes:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return box.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "app/.env",
        "app/.env.production",
        "app/.git/config",
        "app/id_rsa",
        "app/.netrc",
        "a/store.p12",
        "app/.aws/credentials",
        "w.whl/greeter/.pypirc",
    ],
)
def test_a_name_that_gives_it_away(name: str) -> None:
    assert suspicious(name)


@pytest.mark.parametrize(
    "name",
    [
        "app/.env.example",
        "app/.env.local.sample",
        "app/environment.py",
        "app/.gitignore",
        "app/.github/ci.yml",
        "app/id_rsa.pub",
        "app/credentials.py",
        "app/settings.env.py",
    ],
)
def test_a_name_that_only_looks_like_it(name: str) -> None:
    assert not suspicious(name)


def test_content_is_looked_at_inside_of_wheels_too(tmp_path: Path) -> None:
    packed = wheel({"greeter/__init__.py": "x = 1\n", "greeter/tls.txt": KEY, "greeter/cloud.py": f"KEY = '{AWS}'\n"})
    found = inspect(bundle(tmp_path, {"manifest.json": b"{}", "wheels/greeter-1.0-py3-none-any.whl": packed}))
    assert found.secrets == (
        "wheels/greeter-1.0-py3-none-any.whl/greeter/tls.txt: a private key",
        "wheels/greeter-1.0-py3-none-any.whl/greeter/cloud.py: an AWS access key",
    )
    assert (found.files, found.wheels) == (5, ("greeter-1.0-py3-none-any.whl",))
    assert AWS not in repr(found)


def test_code_that_speaks_of_keys_holds_none(tmp_path: Path) -> None:
    code = f'BEGIN = "-----BEGIN {"PRIVATE"} KEY-----"\nEXAMPLE = "AKIAIOSFODNN7EXAMPLE"\nTOKEN = "ghp_short"\n'
    assert inspect(bundle(tmp_path, {"app/pem.py": code.encode()})).secrets == ()


def test_what_is_no_bundle_is_no_clean_bundle(tmp_path: Path) -> None:
    (tmp_path / "bundle.tar.gz").write_bytes(b"nothing of the kind")
    with pytest.raises(BundleUnreadableError):
        inspect(tmp_path / "bundle.tar.gz")


@pytest.mark.parametrize("how", BROKEN)
def test_a_wheel_that_cannot_be_read_is_no_clean_wheel(how: str, tmp_path: Path) -> None:
    with pytest.raises(BundleUnreadableError) as caught:
        inspect(bundle(tmp_path, {"wheels/greeter-1-py3-none-any.whl": BROKEN[how]}))
    assert caught.value.code == "RELEASE_UNREADABLE"
    assert inspect(bundle(tmp_path, {"wheels/greeter-1-py3-none-any.whl": WHOLE})).files == 2
