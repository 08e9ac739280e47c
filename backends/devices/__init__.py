"""Chips: their gates and calibration (`device`, `calibration`), and how a circuit gets onto one.

`compiling` takes a whole circuit to a device by one of the lowerings (`lowering`), `placement` its
independent parts, each on qubits of its own; `tiling` puts copies side by side. `noise_file` reads noise
models, `split_simulator` simulates a device.
"""
