"""The real client and a service on the loopback; what is replaced is ours: pauses and the throttle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.app import Service
from tests.service.server import addresses, serving

TOKEN = "planted-api-key-0123456789-abcdefghij"


@pytest.fixture(scope="session")
def running() -> Iterator[tuple[Service, str]]:
    """The service and its address; started once, as reading the devices takes a second."""
    service = Service(TOKEN)
    with serving(service) as root:
        yield service, root


@pytest.fixture
def no_account(running: tuple[Service, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The service at its address, and no account anywhere."""
    service, root = running
    service.reset()
    for name in [name for name in os.environ if name.startswith("QISKIT_IBM")]:
        monkeypatch.delenv(name)
    for name, value in addresses(root).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        "qiskit_ibm_runtime.accounts.management._DEFAULT_ACCOUNT_CONFIG_JSON_FILE",
        str(tmp_path / "account" / "qiskit-ibm.json"),
    )
    monkeypatch.setattr("backends.ibm.jobs.BACK_OFF_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("backends.ibm.site.Cloud.poll_seconds", 0.0)
    monkeypatch.setattr("backends.ibm.site.Cloud.jobs_per_minute", None)
    return service


@pytest.fixture
def service(no_account: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The service, and the environment of a user who has a token."""
    monkeypatch.setenv("QISKIT_IBM_TOKEN", TOKEN)
    return no_account
