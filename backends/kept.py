"""What takes seconds but can be found again, as JSON in the user's cache under a digest of the question.

The folder is ``$QVUNET_CACHE``, or ``~/.cache/qvunet``; deleting it costs nothing but time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any


def cache_directory() -> Path:
    """Where things are kept that can be made again."""
    return Path(os.environ.get("QVUNET_CACHE") or "~/.cache/qvunet").expanduser()


def kept(kind: str, question: Any, answered_by: Sequence[ModuleType], answer: Callable[[], Any]) -> Any:
    """Read an answer from the cache, or find it and keep it.

    A file that is damaged or of another question is replaced. Where nothing can be read or written, answers
    are found and not kept.

    Args:
        kind: folder within the cache.
        question: all that the answer depends on but for code; anything that JSON can hold.
        answered_by: modules whose source counts as a part of the question, so that a change of them does.
        answer: finds it; anything that JSON can hold.
    """
    sources = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in answered_by]
    asked = hashlib.sha256(json.dumps([question, sources]).encode()).hexdigest()
    file = cache_directory() / kind / f"{asked}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["sha256"] == _digest(stored["answer"]):
            return stored["answer"]
    found = answer()
    with suppress(OSError):
        _write(file, json.dumps({"sha256": _digest(found), "answer": found}))
    return found


def _digest(answer: Any) -> str:
    return hashlib.sha256(json.dumps(answer).encode()).hexdigest()


def _write(file: Path, text: str) -> None:
    """Under a temporary name first: others see the whole file or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
