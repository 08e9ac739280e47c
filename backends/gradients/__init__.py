"""Derivatives of circuits.

`shifts` holds the shift rules, `methods` what options can name, `autograd` functions with their own gradient,
`expressions` angles that torch computes.
"""
