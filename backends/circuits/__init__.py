"""Circuits as plain data: Qiskit in, lists of rotations out, and what can be said before anything runs.

`program` is the form in which every backend reads a circuit and `emission` the way back; `expressions` names
angles that are not affine, `structure` finds independent parts and registers, `lightcone` what an observable
depends on, `fingerprint` a short name. Knows nothing else of this package.
"""
