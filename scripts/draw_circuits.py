"""Draw one layer of each ansatz for the README: docs/images/<ansatz>.png."""

from __future__ import annotations

import argparse
from pathlib import Path

from qiskit.visualization import circuit_drawer

from qvunet.ansatz import ANSATZES, make_ansatz

STYLE = {"name": "clifford", "fontsize": 11, "subfontsize": 8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="directory for the pictures")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name in ANSATZES:
        circuit = make_ansatz(name, num_layers=1).circuit
        figure = circuit_drawer(circuit, output="mpl", style=STYLE, fold=-1, scale=0.6)
        path = out / f"{name}.png"
        figure.savefig(path, dpi=110, bbox_inches="tight")
        print(path)


if __name__ == "__main__":
    main()
