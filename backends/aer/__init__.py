"""The backends on Qiskit Aer: exact expectations (`exact`) and counts (`shots`), both through `simulator`."""
