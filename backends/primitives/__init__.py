"""Qiskit's estimators: what a PUB asks (`pubs`), and the base of backends that stand on one (`backend`)."""
