"""<Z> of a matrix-product state, and its gradient.

A chain of tensors T1, T2, ... with bonds l (left) and r (right) and physical index d is the state
``sum over bonds of T1 (x) T2 (x) ...``. Two sweeps give, for each tensor, the overlap matrices E of all
tensors to its left and F of all to its right; with A = E T and C = T F its distribution is
``Re sum conj(A) C`` over both bonds.

The gradient has the same form. The loss changes by the expectation value of one diagonal observable D a
register (its <Z> weighted by the incoming gradients), and the gradient in T is the state contracted with
all of them except conj(T). Two more sweeps carry H and K, the observables of all tensors to the left and
to the right, as the environments of the density-matrix renormalisation group do (Schollwoeck,
arXiv:1008.3477, section 6).

A tensor is held *flat*, (N, l, r * d), and where a sweep sums over l *turned*, (N, r, l * d). At the ends
of the chain, where one bond is 1, turning copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def distributions(
    tensors: Sequence[Tensor],
) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], list[Tensor]]]:
    """The distribution of each register.

    Args:
        tensors: complex (N, l, r, d), l of the first and r of the last being 1.

    Returns:
        For each real (N, l * r * d * 2), whose sum over all but d is its distribution. And a function that
        takes the observables D, complex (N, d) a register, to the derivatives of their expectation value in
        conj(T), complex and turned, (N, r, l * d).
    """
    last, d = len(tensors) - 1, tensors[0].shape[-1]
    flat = [tensor.flatten(2) for tensor in tensors]
    turned = [_turn(tensor, d) for tensor in flat]
    flat_conjugates = [tensor.conj_physical() for tensor in flat[1:]]
    turned_conjugates = [tensor.conj_physical() for tensor in turned[:-1]]

    lefts, turned_lefts = [flat[0]], [turned[0]]  # A
    for k in range(last):
        overlap = torch.bmm(turned_conjugates[k], turned_lefts[k].mT)  # E
        lefts.append(torch.bmm(overlap, flat[k + 1]))
        turned_lefts.append(_turn(lefts[-1], d))

    rights, turned_rights = [flat[-1]], [turned[-1]]  # C, the last first
    overlaps: list[Tensor] = []  # F, likewise
    for k in reversed(range(last)):
        overlaps.append(torch.bmm(flat_conjugates[k], rights[-1].mT))
        turned_rights.append(torch.bmm(overlaps[-1], turned[k]))
        rights.append(_turn(turned_rights[-1], d))

    def pull(observables: Sequence[Tensor]) -> list[Tensor]:
        diagonals = [observable.unsqueeze(1) for observable in observables]
        from_left = [_times(turned_lefts[0], diagonals[0])]  # H T + D A, turned
        for k in range(last):
            observed = torch.bmm(turned_conjugates[k], from_left[k].mT)  # H
            weighted = _times(lefts[k + 1], diagonals[k + 1])
            from_left.append(_turn(torch.bmm(observed, flat[k + 1]).add_(weighted), d))
        found = [from_left[-1]]
        from_right = _times(rights[0], diagonals[-1])  # T K + D C
        for k in reversed(range(last)):
            observed = torch.bmm(flat_conjugates[k], from_right.mT)  # K
            inside = torch.bmm(overlaps[last - 1 - k], from_left[k])
            found.append(torch.bmm(observed, turned_lefts[k]).add_(inside))
            if k > 0:
                weighted = _times(turned_rights[last - k], diagonals[k])
                from_right = _turn(torch.bmm(observed, turned[k]).add_(weighted), d)
        return found[::-1]

    products = [
        (torch.view_as_real(left) * torch.view_as_real(right)).flatten(1)
        for left, right in zip(lefts, reversed(rights), strict=True)
    ]
    return products, pull


def _turn(tensor: Tensor, d: int) -> Tensor:
    """(N, l, r * d) -> (N, r, l * d), and back."""
    count, bond, _ = tensor.shape
    return tensor.reshape(count, bond, -1, d).transpose(1, 2).flatten(2)


def _times(tensor: Tensor, diagonal: Tensor) -> Tensor:
    """(N, bond, bond * d) times (N, 1, d)."""
    count, _, d = diagonal.shape
    return (tensor.reshape(count, -1, d) * diagonal).reshape(tensor.shape)
