"""Hardware of IBM Quantum, and rehearsals of it: jobs that cost money and may take hours.

Hence the parts: `budget` says beforehand what a command costs and stops it in time, `journal` keeps what was
paid for, `jobs` submits and fetches, `site` is where the jobs go, `estimator` joins them to Qiskit.
"""
