"""Running the engine on one thread where that is faster.

The tensors of a circuit are small: handing part of one to another thread costs more than the thread
gives, and on a machine that does other work too the two wait for each other, which can cost a hundredfold.
torch keeps the number of threads in one setting, and backward runs whatever is in force by then, so it is
set around each pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch's operations on the CPU use one thread in this context; costs under a microsecond."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
