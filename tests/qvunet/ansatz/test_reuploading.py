from __future__ import annotations

import numpy as np
import pytest
import torch
from qiskit.quantum_info import Statevector

from backends import make_backend
from backends.errors import UserError
from qvunet.ansatz import basic_entangler, fqconv, hqconv
from qvunet.ansatz.reuploading import reuploaded


@pytest.mark.parametrize("make", [fqconv, hqconv, basic_entangler])
def test_one_upload_is_the_ansatz_itself(make):
    ansatz = make()
    assert reuploaded(ansatz, 1) is ansatz


@pytest.mark.parametrize("uploads", [2, 3])
@pytest.mark.parametrize("make", [fqconv, basic_entangler])
def test_layers_of_repeated_uploads_are_right(make, uploads):
    a = reuploaded(make(num_layers=1), uploads)
    n = a.num_qubits
    assert len(a.inputs) == uploads * n
    assert len(a.observables) == n
    rng = np.random.default_rng(0)
    x, w = rng.uniform(-3, 3, (2, uploads * n)), rng.uniform(-3, 3, len(a.weights))
    layer = make_backend("statevector").layer(a).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(w))
        found = layer(torch.tensor(x)).numpy()
    for row, values in zip(x, found, strict=True):
        bound = a.circuit.assign_parameters(
            {**dict(zip(a.inputs, row, strict=True)), **dict(zip(a.weights, w, strict=True))}
        )
        state = Statevector(bound)
        expected = [state.expectation_value(o).real for o in a.observables]
        np.testing.assert_allclose(values, expected, atol=1e-9)


def test_no_upload_is_refused():
    with pytest.raises(UserError, match="uploads = 0"):
        reuploaded(fqconv(), 0)
