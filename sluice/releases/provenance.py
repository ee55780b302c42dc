"""Where an image comes from, signed: an in-toto statement with SLSA v1 provenance in a DSSE envelope (ed25519).

The facts are Sluice's own: the commit that it fetched, the digest that it read back; nothing that the build wrote. The
key lies in the state directory, for its owner only. Whoever can read that can sign: no more than SLSA
level 2 is claimed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from sluice.errors import InfrastructureError

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
PAYLOAD = "application/vnd.in-toto+json"
BUILD_TYPE = "https://sluiceway.example/image-build/v1"
BUILDER = "https://sluiceway.example/builder/v1"
KEY = "provenance.key"


class ProvenanceError(InfrastructureError):
    """The provenance of an image is absent, not signed by this Sluice, or about something else."""

    code = "PROVENANCE_REFUSED"
    next_step = "Do not deploy it: build the commit again with `sluice run --fresh`."


def signing_key(secrets: Path) -> Ed25519PrivateKey:
    """Return this Sluice's key; made at the first use, for its owner only."""
    path = secrets / KEY
    secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        new = path.with_name(f"{KEY}.{os.getpid()}")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
        try:
            os.link(new, path)  # whoever comes second keeps the key of the first
        except FileExistsError:
            pass
        finally:
            new.unlink()
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """Return the name of a key: SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def sign(statement: dict[str, Any], key: Ed25519PrivateKey) -> bytes:
    """Return a DSSE envelope around a statement."""
    body = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    signature = {"keyid": key_id(key.public_key()), "sig": _text(key.sign(_signed(PAYLOAD, body)))}
    envelope = {"payloadType": PAYLOAD, "payload": _text(body), "signatures": [signature]}
    return json.dumps(envelope, separators=(",", ":")).encode()


def opened(envelope: bytes, key: Ed25519PublicKey, name: str, digest: str) -> dict[str, Any]:
    """Return the statement of an envelope that this key signed about this image.

    Raises:
        ProvenanceError: another key, changed bytes, another image, or no such envelope.
    """
    try:
        parts = json.loads(envelope)
        body = base64.b64decode(parts["payload"], validate=True)
        ours = [each for each in parts["signatures"] if each.get("keyid") == key_id(key)]
        if parts["payloadType"] != PAYLOAD or not ours:
            raise ProvenanceError("the provenance is not signed by this Sluice", where=digest)
        key.verify(base64.b64decode(ours[0]["sig"], validate=True), _signed(PAYLOAD, body))
        statement = dict(json.loads(body))
    except InvalidSignature as error:
        raise ProvenanceError("the signature of the provenance is wrong", where=digest) from error
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ProvenanceError("the provenance cannot be read", where=digest, found=error) from error
    about = [(each.get("name"), each.get("digest", {}).get("sha256")) for each in statement.get("subject", [])]
    if statement.get("predicateType") != PREDICATE or (name, digest.removeprefix("sha256:")) not in about:
        raise ProvenanceError("the provenance is about another image", where=digest, found=about)
    return statement


def statement_of(name: str, digest: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the statement about an image.

    Args:
        facts: `external` (what was asked for), `internal` (of the builder), `dependencies` (URI and digest of each),
            `run`, `started`, `ended` (ISO 8601), `versions`.
    """
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": facts["external"],
                "internalParameters": facts["internal"],
                "resolvedDependencies": facts["dependencies"],
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": facts["versions"]},
                "metadata": {
                    "invocationId": facts["run"],
                    "startedOn": facts["started"],
                    "finishedOn": facts["ended"],
                },
            },
        },
    }


def _signed(kind: str, body: bytes) -> bytes:
    """Return what is signed: DSSE's pre-authentication encoding."""
    return b" ".join((b"DSSEv1", b"%d" % len(kind), kind.encode(), b"%d" % len(body), body))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
