"""Copies of a circuit side by side on a chip.

`tiles` makes them, `layouts` says where they fit, `choice` how many are worth it.
"""
