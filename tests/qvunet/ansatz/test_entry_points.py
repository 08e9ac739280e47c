"""Circuits that a distribution names: its files on the path as an installer lays them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backends import UserError
from qvunet import QVUNet
from qvunet.ansatz import hqconv, make_ansatz
from qvunet.config import Config

MODULE = """
from qvunet.ansatz import fqconv

def ring(num_layers=1):
    return fqconv(num_layers)
"""
NAMES = """[qvunet.ansatze]
ring = someones_ring.circuits:ring
hqconv = someones_ring.circuits:ring
gone = someones_ring.circuits:gone

[console_scripts]
someones_command = someones_ring.circuits:ring
"""
ALL = "hqconv, fqconv, basic_entangler, gone, ring"


def install(folder, distribution: str, names: str) -> None:
    """Lay out what tells Python that a distribution is installed."""
    metadata = folder / f"{distribution}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(names)


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    install(tmp_path, "someones_ring", NAMES)
    (tmp_path / "someones_ring").mkdir()
    (tmp_path / "someones_ring" / "circuits.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("someones_ring", "someones_ring.circuits"):
        sys.modules.pop(name, None)


def test_a_network_of_its_name():
    ansatz = make_ansatz("ring", num_layers=2)
    assert ansatz.name == "ring"
    assert len(ansatz.weights) == 2 * len(make_ansatz("fqconv").weights)
    net = QVUNet.from_preset("compact", ansatz="ring")
    assert {layer.ansatz.name for layer in net.circuit_layers().values()} == {"ring"}


def test_built_in_names_go_first():
    assert len(make_ansatz("hqconv").weights) == len(hqconv().weights) != len(make_ansatz("ring").weights)


def test_of_two_distributions_the_one_found_first_counts(installed, monkeypatch):
    other = installed / "elsewhere"
    install(other, "other_ring", "[qvunet.ansatze]\nring = no_such_module:ring\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    assert make_ansatz("ring").name == "ring"
    monkeypatch.syspath_prepend(other)
    with pytest.raises(UserError, match="no module 'no_such_module'"):
        make_ansatz("ring")


@pytest.mark.parametrize("name", ["rings", "someones_command"])
def test_an_unknown_name_is_answered_with_theirs(name):
    with pytest.raises(UserError, match=f"unknown ansatz '{name}'; allowed: {ALL}, package"):
        make_ansatz(name)
    with pytest.raises(ValueError, match=f"'{name}' is not allowed.*one of {ALL}, null"):
        Config.model_validate({"model": {"ansatz": name}})


def test_an_entry_point_without_its_function():
    with pytest.raises(UserError, match=r"^ansatz = 'gone': someones_ring\.circuits has no function 'gone'"):
        make_ansatz("gone")


@pytest.mark.parametrize("kind", ["unet", "latent"])
def test_configs_take_it_without_loading_it_or_qiskit(installed, kind):
    code = (
        "import sys\n"
        "from qvunet.config import Config\n"
        f"config = Config.model_validate({{'model': {{'kind': '{kind}', 'ansatz': 'ring'}}}})\n"
        "assert config.model.ansatz == 'ring'\n"
        "print(*sorted({'torch', 'qiskit', 'someones_ring'} & set(sys.modules)))\n"
    )
    path = f"import sys; sys.path[:0] = [{str(installed)!r}]\n"
    done = subprocess.run(
        [sys.executable, "-c", path + code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == ""
