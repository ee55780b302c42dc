"""A service that dies printing its secret in twelve forms: no error, log of a run, artifact or row has one of them."""

from __future__ import annotations

import pytest

from sluice.errors import DeployFailedError
from tests.deploy_parts import City, release
from tests.planted import FORMS, cells_of, files_of, told_in


@pytest.mark.usefixtures("planted")
def test_no_form_of_a_secret_is_in_errors_logs_artifacts_or_rows(city: City) -> None:
    with pytest.raises(DeployFailedError, match="REPLICA_FAILED") as caught:
        city.release(city.store(release("bad", "leaks")), replicas=1, secrets={"TOKEN": "env:PLANTED"})

    (own,) = (city.home.service_logs / "apps").rglob("1.log")
    printed = own.read_text()
    assert [form for form in FORMS if form not in printed] == [], "the service prints each of them, into its own log"
    assert caught.value.next_step.count("***") >= len(FORMS)
    told = [str(caught.value), caught.value.next_step, *(path.read_text(errors="replace") for path in files_of(city))]
    told += cells_of(city)
    assert len(told) > 30, "files and tables are looked at"
    assert any("REPLICA_FAILED" in each for each in told)
    assert told_in(told) == []
