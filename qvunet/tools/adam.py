"""torch's Adam, for programs that compile nothing."""

from __future__ import annotations

import torch
from torch.optim import Optimizer


class Adam(torch.optim.Adam):
    """`torch.optim.Adam` in all that it computes and stores, without loading torch's compiler.

    torch wraps these methods so that its compiler leaves them alone, and the wrappers load the compiler
    to say so: two seconds before the first step of any training.
    """

    step = torch.no_grad()(torch.optim.Adam.step.__wrapped__)  # type: ignore[attr-defined]
    add_param_group = Optimizer.add_param_group.__wrapped__  # type: ignore[attr-defined]
    zero_grad = Optimizer.zero_grad.__wrapped__  # type: ignore[attr-defined]
    state_dict = Optimizer.state_dict.__wrapped__  # type: ignore[attr-defined]
    load_state_dict = Optimizer.load_state_dict.__wrapped__  # type: ignore[attr-defined]
