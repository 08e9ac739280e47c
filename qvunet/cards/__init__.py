"""Trained networks for others: `packing` makes a small folder of a run, with its `card`."""
