"""The exact engine, in batched torch.

Start reading at `engine`: it splits a program and chooses a method for each part. Of the two methods, `chain`
is made of `links` (cutting gates between registers), `encoding` (the data), `fusion`, `word_table`,
`products` and `operators` (the gates, once for the whole batch) and `overlaps` (the measurement); `dense`
holds all amplitudes, and is made of `grouping` (which gates go together), `start` (the first of them),
`steps` and `evolution` (all others) and `readout`. `backends.gradients.autograd` says how each step brings
its gradient.
"""

from backends.exact.engine import ExactEngine

__all__ = ["ExactEngine"]
