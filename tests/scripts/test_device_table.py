from __future__ import annotations

import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def main(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from device_table import main

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["device_table.py", *map(str, arguments)])
        return main()

    return run


def test_a_page_says_what_works_and_what_is_refused(main, tmp_path):
    page = tmp_path / "devices.md"
    devices = ["fake_armonk", "fake_manila"]
    assert main("--devices", *devices, "--lowering", "pauli", "merged", "--shots", 500, "--out", page) == 0
    text = page.read_text()
    assert "1 of 2 devices work" in text
    assert "fake_armonk: has 1 qubits, the circuit needs 3" in text
    assert "The backends agree." in text
    assert text.count("| fake_manila | 5 | cx, rz, sx, x |") == 2
    assert "| fake_armonk | 1 | rz, sx, x | pauli | refused | refused |  |" in text


def test_an_unknown_device_is_one_line(main, tmp_path, capsys):
    assert main("--devices", "fake_nowhere", "--out", tmp_path / "devices.md") == 2
    assert "'fake_nowhere': unknown" in capsys.readouterr().err


@pytest.mark.slow
def test_all_recorded_devices_are_simulated_alike(main, tmp_path):
    page = tmp_path / "devices.md"
    assert main("--lowering", "merged", "pauli", "--shots", 2000, "--out", page) == 0
    refused = {line.split()[1] for line in page.read_text().splitlines() if "refused" in line}
    assert refused == {"fake_armonk", "fake_kyoto"}  # of one qubit; of no gate that works
