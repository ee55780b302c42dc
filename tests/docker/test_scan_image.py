"""An image is scanned by its digest out of its registry; what was scanned is what is deployed, or the run stops."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from sluice.config.docker import RegistryLogin
from sluice.config.model import ScanConfig
from sluice.errors import SluiceError
from sluice.records.build import BuildRecord
from sluice.records.common import StageContext
from sluice.records.scan import FindingKind, FindingSeverity, ScanRecord, ScanRequest
from sluice.stages.scan import scan
from sluice.stages.scan_image import SBOM_TYPE
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from sluice.tools.docker.referrers import attached
from sluice.tools.docker.registry import Registry as Client
from tests.boundaries import check
from tests.docker_parts import BUSYBOX, PASSWORD, USER, Registry
from tests.factories import OTHER_DIGEST
from tests.image_parts import FILES, Yard
from tests.scan_parts import TOKEN, database, of_kind

PLACE = "/usr/lib/python3/site-packages"


def metadata(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n"


def with_package(base: str, name: str, version: str, more: str = "") -> dict[str, str]:
    text = f"FROM {base}\nCOPY METADATA {PLACE}/{name}-{version}.dist-info/METADATA\n{more}"
    return {"Dockerfile": text, "METADATA": metadata(name, version)}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Vulnerability data of today."""
    folder = database(tmp_path / "trivy-db")
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(folder))
    return folder


def scanned(
    yard: Yard,
    built: BuildRecord,
    files: Mapping[str, str],
    login: RegistryLogin | None = None,
    deny: tuple[str, ...] = (),
) -> ScanRecord:
    assert built.image is not None
    request = ScanRequest(
        source=yard.commit(files),
        release=built.release,
        config=ScanConfig.model_validate({"scanners": ["trivy"], "licences": {"deny": deny}}),
        layers=built.image.layers,
        login=login,
        dockerfile="Dockerfile",
    )
    context = StageContext(run_id="scan-1", project=yard.name, stage=StageName.SCAN, home=str(yard.home.root))
    with open_workplace(context) as place:
        return scan(request, place)


def stops(record: ScanRecord, built: BuildRecord, **facts: object) -> list[str]:
    known = {"tree": record.scanned_tree, "release_digest": built.release.digest, "now": record.ended_at}
    return [each.code for each in check(record, database_configured=True, **known | facts).stops]


def test_vulnerabilities_say_their_layer_and_whether_the_base_brings_them(yard: Yard, data: Path) -> None:
    base = yard.make(with_package(BUSYBOX, "flask", "0.12"))
    files = with_package(base.release.reference, "PyYAML", "5.1", "COPY token.txt /etc/token.txt\n")
    files["token.txt"] = f"token = {TOKEN}\n"
    built = yard.make(files)
    assert built.image is not None
    record = scanned(yard, built, files)
    found = {each.rule: each for each in of_kind(record, FindingKind.VULNERABILITY)}
    flask, yaml = found["CVE-2018-1000656"], found["CVE-2020-14343"]
    assert (flask.package, flask.fixed_version, flask.from_base) == ("flask", "0.12.3", True)
    assert (yaml.package, yaml.from_base) == ("pyyaml", False)
    assert flask.score is not None
    assert flask.layer in [layer.digest for layer in built.image.layers if layer.from_base]
    assert yaml.layer in [layer.digest for layer in built.image.layers if not layer.from_base]
    assert record.scanned_digest == record.subject_digest == built.release.digest
    assert record.image_packages == 2
    assert {"flask", "PyYAML"} <= {each.name for each in record.packages}
    assert record.sbom is not None
    with Client(yard.repository) as registry:
        (bill,) = attached(registry, built.release.digest, SBOM_TYPE)
    assert next((yard.home.root / "artifacts").rglob(record.sbom.sha256)).read_bytes() == bill
    assert {"flask", "PyYAML"} <= {each["name"] for each in json.loads(bill)["components"]}
    assert [each.path for each in of_kind(record, FindingKind.SECRET)] == ["token.txt"]  # of source and image: one
    assert [each.path for each in record.findings if each.rule == "DS-0002"] == ["Dockerfile"]  # of both: one
    assert stops(record, built) == []
    assert not record.passed


def test_s02_an_image_without_packages_was_not_looked_at(yard: Yard, data: Path) -> None:
    built = yard.make()
    record = scanned(yard, built, FILES)
    assert (record.image_packages, of_kind(record, FindingKind.VULNERABILITY)) == (0, [])
    assert stops(record, built) == ["S02"]


def test_s04_another_image_than_is_to_be_deployed(yard: Yard, data: Path) -> None:
    built = yard.make(with_package(BUSYBOX, "requests", "2.31.0"))
    record = scanned(yard, built, FILES)
    assert stops(record, built) == []
    assert stops(record, built, release_digest=OTHER_DIGEST) == ["S04"]
    assert stops(record.model_copy(update={"scanned_digest": OTHER_DIGEST}), built) == ["S04"]


def test_s01_old_data_means_nothing(yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(database(tmp_path / "old", age_days=30)))
    built = yard.make(with_package(BUSYBOX, "requests", "2.31.0"))
    assert stops(scanned(yard, built, FILES), built) == ["S01"]


def test_a_private_image_is_scanned_with_its_login_and_gone_without(
    yard: Yard, private_registry: Registry, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_PASSWORD", PASSWORD)
    login = {"username": USER, "password": "env:THE_PASSWORD"}
    private = Yard(yard.tmp, private_registry, yard.name)
    files = with_package(BUSYBOX, "requests", "2.31.0")
    built = private.build(private.request(private.commit(files), login=login))
    record = scanned(private, built, files, RegistryLogin.model_validate(login))
    assert record.image_packages == 1
    log = (private.home.run_logs("scan-1") / "scan.log").read_text()
    assert PASSWORD not in log + record.model_dump_json()
    with pytest.raises(SluiceError, match="REGISTRY_REFUSED: the registry refused nobody"):
        scanned(private, built, files)
    elsewhere = built.release.model_copy(update={"digest": OTHER_DIGEST})
    with pytest.raises(SluiceError, match="IMAGE_GONE"):
        scanned(private, built.model_copy(update={"release": elsewhere}), files, RegistryLogin.model_validate(login))


def test_a_denied_licence_says_its_layer_and_whether_the_base_brings_it(yard: Yard, data: Path) -> None:
    def licensed(base: str, name: str) -> dict[str, str]:
        files = with_package(base, name, "1.0")
        return files | {"METADATA": files["METADATA"].replace("License: MIT", "License: MPL-2.0")}

    base = yard.make(licensed(BUSYBOX, "below"))
    files = licensed(base.release.reference, "above")
    built = yard.make(files)
    assert built.image is not None
    record = scanned(yard, built, files, deny=("MPL-*",))
    found = {each.package: each for each in of_kind(record, FindingKind.LICENCE)}
    assert {name: each.from_base for name, each in found.items()} == {"below": True, "above": False}
    layers = {layer.digest: layer.from_base for layer in built.image.layers}
    assert {name: layers[each.layer] for name, each in found.items()} == {"below": True, "above": False}
    assert {each.severity for each in found.values()} == {FindingSeverity.CRITICAL}
    assert not record.passed
