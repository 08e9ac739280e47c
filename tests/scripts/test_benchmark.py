from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.scripts.commands import SCRIPTS


@pytest.fixture
def effort():
    from qvunet.reports.benchmark.rounds import Effort

    return Effort(repeats=2, repetition_s=0.0, budget_s=10.0, memory_gb=8.0)


@pytest.fixture
def constant_system(tmp_path, monkeypatch):
    """A module whose calls return one number; a negative one ends its process."""
    (tmp_path / "constant_system.py").write_text(
        "import os\n"
        "def build(*, rows, value):\n"
        "    number = float(value)\n"
        "    return lambda: os._exit(1) if number < 0 else [number]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return "constant_system"


def test_quick_run_writes_json_and_plot(tmp_path):
    command = [sys.executable, SCRIPTS / "benchmark.py", "--quick", "--suite", "layer", "--out", tmp_path]
    done = subprocess.run([*command, "--peers"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "qvunet statevector" in done.stdout
    document = json.loads((tmp_path / "benchmark.json").read_text())
    assert document["environment"]["threads"] >= 1
    (case,) = document["suites"]["layer"]
    (own,) = case["results"]
    assert own["status"] == "ok"
    assert own["max_error"] < 1e-4
    assert own["first_call_s"] > 0
    assert own["ratios"] == [1.0, 1.0]
    assert own["min_s"] <= own["median_s"]
    assert own["peak_mb"] >= own["base_mb"] > 0
    assert (tmp_path / "layer.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_timed_is_named_with_its_reason(effort, constant_system):
    from qvunet.reports.benchmark.rounds import measure
    from qvunet.reports.benchmark.system import Case, System

    def system(name, value, requires=()):
        return System(name, constant_system, {"value": value}, 2, requires)

    systems = (
        system("own", 1.0),
        system("absent", 1.0, ("no_such_package",)),
        system("deviant", 1.1),
        system("broken", "text"),
        system("dying", -1.0),
    )
    own, absent, deviant, broken, dying = measure(
        Case("case", systems, system("reference", 1.0)), effort, lambda text: None
    )
    assert own.status == "ok"
    assert len(own.seconds) == 2
    assert (absent.status, absent.reason) == ("skipped", "not installed: no_such_package")
    assert deviant.status == "wrong"
    assert deviant.max_error == pytest.approx(0.1)
    assert broken.status == "failed"
    assert "could not convert" in broken.reason
    assert dying.status == "failed"
    assert "process died" in dying.reason
    assert [result.seconds for result in (absent, deviant, broken, dying)] == [[], [], [], []]


def test_a_system_over_its_budget_sits_out_after_two_rounds(constant_system):
    from qvunet.reports.benchmark.rounds import Effort, measure
    from qvunet.reports.benchmark.system import Case, System

    systems = tuple(System(name, constant_system, {"value": 1.0}, 1) for name in ("one", "other"))
    frugal = Effort(repeats=5, repetition_s=0.01, budget_s=0.0, memory_gb=8.0)
    results = measure(Case("case", systems), frugal, lambda text: None)
    assert [len(result.seconds) for result in results] == [2, 2]


def test_plot_takes_bars_lines_and_systems_that_were_not_timed(tmp_path):
    from qvunet.reports.benchmark.plot import write_plot
    from qvunet.reports.benchmark.system import Case, Result

    def results(seconds):
        timed = Result("own", False, 2, seconds=[seconds])
        return [timed, Result("peer", True, 2, "skipped", "not installed")]

    grown = [(Case("case", (), None, "layers, hqconv", value), results(value)) for value in (1, 2, 4)]
    write_plot(tmp_path / "plot.png", [(Case("bars", ()), results(0.1)), *grown])
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_ratios_are_of_times_a_sample():
    from qvunet.reports.benchmark.system import Result

    own = Result("own", False, rows=64, seconds=[0.64, 0.64, 1.28])
    peer = Result("peer", True, rows=1, seconds=[0.1, 0.2])
    peer.compare(own)
    assert peer.ratios == pytest.approx([10, 20])
    assert peer.summary()["ratio"] == pytest.approx(15)


def test_deviation_sees_gradients_and_shapes():
    from qvunet.reports.benchmark.rounds import deviation

    expected = [np.ones((2, 3)), np.array([4.0, -2.0])]
    assert deviation(expected, expected) == 0
    assert deviation([expected[0], np.array([4.0, -1.0])], expected) == pytest.approx(0.25)
    assert deviation([expected[0], np.ones(3)], expected) == float("inf")


def test_gates_are_the_circuits_own():
    from qvunet.ansatz import hqconv
    from qvunet.reports.benchmark.problem import gates

    listed = gates(hqconv(num_layers=2).circuit)
    assert listed[3] == ("rx", [3], ("x", 3))
    assert listed[12] == ("crz", [0, 3], ("w", 0))
    assert listed[-1] == ("crx", [0, 4], ("w", 55))


@pytest.mark.parametrize("suite", ["layer", "step", "programs", "aer", "growth", "dense"])
def test_every_case_of_a_suite_has_one_name_a_system_and_comparable_rows(suite):
    from qvunet.reports.benchmark.suites import PEERS, SUITES, Request

    cases = list(SUITES[suite](Request(64, list(PEERS), None, None, ["float32"])))
    assert cases
    for case in cases:
        names = [system.name for system in case.systems]
        assert len(set(names)) == len(names)
        assert not case.systems[0].peer
        assert (case.reference is None) == all(not s.module.endswith("own_layer") for s in case.systems)


def test_tutorials_are_held_against_exact_values_but_where_the_stock_one_samples():
    from qvunet.reports.benchmark.suites import SUITES, Request

    cases = list(SUITES["tutorials"](Request(64, [], None, None, ["float32"])))
    assert {case.title[:2] for case in cases} == {"01", "02", "04", "05", "10", "11"}
    for case in cases:
        own, stock = case.systems
        assert not own.peer
        assert stock.peer
        assert own.rows == stock.rows
        assert (case.reference is None) == (stock.name == "stock SamplerQNN")


def test_programs_without_a_checkout_say_how_to_give_one():
    from qvunet.reports.benchmark.suites import SUITES, Request

    (capece,) = [
        s
        for c in SUITES["programs"](Request(4, [], None, None, ["float32"]))
        for s in c.systems
        if s.name == "Capece"
    ]
    assert "--capece" in capece.unavailable
