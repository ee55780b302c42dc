"""Wheels and projects made on the spot: no package index is asked."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.serving import serving

BACKEND = '''
"""A PEP 517 backend that honours nothing: the time of day, the umask and the file order are all its own."""
import base64, hashlib, os, random, time, zipfile

NAME, VERSION = "greeter", "1.4.0"

def get_requires_for_build_wheel(config_settings=None):
    return []

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    os.makedirs("build", exist_ok=True)
    open("build/left-over.txt", "w").write(str(time.time()))
    files = {"greeter/__init__.py": open("greeter/__init__.py", "rb").read()}
    info = f"{NAME}-{VERSION}.dist-info"
    needs = "".join(f"Requires-Dist: {line}\\n" for line in open("needs.txt").read().splitlines())
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: {VERSION}\\n{needs}".encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\\n"
        for name, data in files.items()
    )
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\\n").encode()
    names = list(files)
    random.shuffle(names)
    target = f"{NAME}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, target), "w") as box:
        for name in names:
            entry = zipfile.ZipInfo(name, time.localtime()[:6])
            entry.external_attr = (0o100666 & ~_umask()) << 16
            box.writestr(entry, files[name])
    return target

def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
'''

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def package(needs: str = "", **files: str) -> dict[str, str | bytes]:
    """Return the files of a package whose build needs nothing from the world."""
    return {
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
        "needs.txt": needs,
        "greeter/__init__.py": "WORD = 'hello'\n",
        **files,
    }


def make_wheel(folder: Path, name: str, version: str, requires: tuple[str, ...] = ()) -> Path:
    """Write a pure wheel with one module `name` that holds its version."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_hash(text.encode())},{len(text.encode())}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as box:
        for path, text in files.items():
            box.writestr(path, text)
    return target


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@contextmanager
def package_index(folder: Path) -> Iterator[str]:
    """Serve the wheels of a folder as a package index on 127.0.0.1, with hashes; give its URL."""

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.path.strip("/").split("/")
            if wanted[0] == "simple" and len(wanted) == 2:
                found = sorted(folder.glob(f"{wanted[1].replace('-', '_')}-*.whl"))
                links = (f'<a href="/files/{w.name}#sha256={_hex(w)}">{w.name}</a>' for w in found)
                self._answer(("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>").encode(), "text/html")
            elif wanted[0] == "files" and (folder / wanted[1]).is_file():
                self._answer((folder / wanted[1]).read_bytes(), "application/octet-stream")
            else:
                self.send_error(404)

        def do_HEAD(self) -> None:
            self.send_error(405)

        def _answer(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_words: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Index)) as server:
        yield f"http://127.0.0.1:{server.server_port}/simple"


def _hex(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
