"""Failures of the machine, which no change of the program would mend: what to say of them."""

from __future__ import annotations

import re

_NO_MEMORY = re.compile(r"can't allocate memory|out of memory|alloc_cpu|bad_alloc|Unable to allocate", re.I)
_NO_DISK = re.compile(r"no space left|disk quota|os error 28", re.I)
_NO_PEER = re.compile(r"gloo/\S+\] (.+?)([.,] |$)")
_OTHER_SYSTEM_ERROR = re.compile(r"\(os error \d+\)")

_KEPT = "what was written before is whole; the same command, with --resume for training, goes on from there"


def failure_of_machine(error: BaseException) -> str | None:
    """One line for a full disk, memory that ran out, a file that may not be written, a process of the same
    training that is gone; None for all else.

    torch, gloo, numpy and safetensors each report these in errors of their own, some of which say so only in
    their text.
    """
    text = str(error)
    if isinstance(error, MemoryError) or _NO_MEMORY.search(text):
        return f"memory ran out: smaller batches (train.batch_size, sample.batch_size) need less; {_KEPT}"
    if _NO_DISK.search(text) or getattr(error, "errno", None) in (28, 122):
        where = getattr(error, "filename", None)
        return f"{f'{where}: ' if where else ''}the disk is full; make room: {_KEPT}"
    if found := _NO_PEER.search(text):
        if "connectFullMesh" in text:
            return (
                f"the processes of this training cannot reach each other ({found[1]}): on each machine, "
                "GLOO_SOCKET_IFNAME must name the network interface that leads to the others"
            )
        return f"another process of this training has ended or is out of reach ({found[1]}); {_KEPT}"
    if isinstance(error, OSError) and error.strerror:
        return f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}; {_KEPT}"
    return f"{text}; {_KEPT}" if _OTHER_SYSTEM_ERROR.search(text) else None
