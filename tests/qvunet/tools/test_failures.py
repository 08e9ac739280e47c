"""Failures of the machine, real ones: what is said of them."""

from __future__ import annotations

import socket
import subprocess
import sys

LONELY = """
import os, sys
import torch
from torch import distributed
from qvunet.tools.failures import failure_of_machine

rank = int(sys.argv[1])
distributed.init_process_group("gloo", f"tcp://127.0.0.1:{sys.argv[2]}", rank=rank, world_size=2)
distributed.barrier()
if rank == 1:
    os._exit(9)
try:
    for _ in range(3):
        distributed.all_reduce(torch.ones(1))
except RuntimeError as error:
    print(failure_of_machine(error))
"""


def test_a_process_that_lost_another():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LONELY, str(rank), str(port)], stdout=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]
    said, _ = processes[0].communicate(timeout=120)
    assert processes[1].wait(timeout=120) == 9
    (line,) = said.splitlines()
    assert line.startswith("another process of this training has ended or is out of reach (")
    assert "by peer" in line
    assert "goes on from there" in line
