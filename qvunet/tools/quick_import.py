"""Importing diffusers in half the time."""

from __future__ import annotations

import sys


def import_diffusers() -> None:
    """Import diffusers without torch's compiler, for which it asks only to mark its own blocks.

    Where there is no compiler it does without the mark, which matters to none but who compiles a model of
    diffusers itself. It is left as it is where the compiler or diffusers is loaded already.
    """
    if "torch._dynamo" not in sys.modules:
        sys.modules["torch._dynamo"] = None  # type: ignore[assignment] # an ImportError for who asks
        try:
            import diffusers.utils.torch_utils  # noqa: F401
        finally:
            del sys.modules["torch._dynamo"]
