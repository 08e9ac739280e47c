"""Noise exactly: circuits of a few qubits as channels, in batched torch, differentiable.

A state is the vector of its Pauli expectations, a noisy gate a real matrix on them (`transfer`). `gates` asks
Qiskit Aer what each gate of a compiled circuit does under a noise model, `blocks` fuses them, `angles` brings
inputs and weights to the angles of the compiled circuit, `part` evolves one independent part, and `executor`
puts the parts together.
"""
