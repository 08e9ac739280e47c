"""Derivatives of circuits.

`shifts` holds the shift rules, `methods` what options can name, `pullback` functions with their own gradient.
"""
