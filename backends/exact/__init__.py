"""The exact engine, in batched torch. Start reading at `engine`."""

from .engine import ExactEngine

__all__ = ["ExactEngine"]
