"""The backend `statevector`: the exact engine itself, or bitstrings drawn from its states (`sampling`)."""
