import pytest
from qiskit.primitives import BackendEstimatorV2, BaseEstimatorV1, StatevectorEstimator, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.primitives import EstimatorV2

from backends import UserError, make_backend
from backends.vendors.finding import as_estimator, device_of, own_precision

HERE = "tests.backends.vendors.factories"


class OldEstimator(BaseEstimatorV1):
    def _run(self, circuits, observables, parameter_values, **run_options):
        raise NotImplementedError


def test_an_estimator_is_taken_as_it_is():
    estimator = StatevectorEstimator()
    assert as_estimator(estimator, "estimator") is estimator


def test_a_device_gets_an_estimator():
    device = GenericBackendV2(2)
    estimator = as_estimator(device, "estimator")
    assert isinstance(estimator, BackendEstimatorV2)
    assert device_of(estimator) is device
    assert device_of(StatevectorEstimator()) is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (OldEstimator(), ["OldEstimator", "version 1", "BaseEstimatorV2", "BackendV2"]),
        (StatevectorEstimator, ["the class StatevectorEstimator", "an instance"]),
        (StatevectorSampler(), ["StatevectorSampler", "BaseEstimatorV2"]),
        ("fake_manila", ["str", "factory"]),
        (7, ["int", "BackendV2"]),
    ],
)
def test_what_is_no_estimator_is_refused(wrong, words):
    with pytest.raises(UserError) as caught:
        make_backend("estimator", estimator=wrong)
    assert all(word in str(caught.value) for word in ["estimator", *words])


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("no_such_package.module:f", ["no_such_package", "install", "PYTHONPATH"]),
        (f"{HERE}:missing", [HERE, "has no function 'missing'"]),
        (f"{HERE}:NUMBER", ["NUMBER", "int"]),
        (f"{HERE}:nothing", ["what it returns", "NoneType", "BaseEstimatorV2"]),
        (f"{HERE}:failing", ["ConnectionError", "no route to the service"]),
        ("qiskit.primitives", ["package.module:function"]),
        ("a b:c", ["package.module:function"]),
    ],
)
def test_a_wrong_factory_is_refused(factory, words):
    with pytest.raises(UserError) as caught:
        make_backend("estimator", factory=factory)
    assert all(word in str(caught.value) for word in ["factory", factory, *words])


def test_options_that_the_factory_does_not_take():
    with pytest.raises(UserError, match=r"options.*'sacle'.*the function is exact\(scale"):
        make_backend("estimator", factory=f"{HERE}:exact", options={"sacle": 2})


def test_a_class_is_a_factory_and_so_is_its_method():
    backend = make_backend(
        "estimator", factory="qiskit.providers.fake_provider:GenericBackendV2", options={"num_qubits": 3}
    )
    assert device_of(backend.estimator().estimator).num_qubits == 3
    with pytest.raises(UserError, match="options"):
        make_backend("estimator", factory="qiskit_aer.primitives:EstimatorV2.from_backend")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ["one of estimator and factory"]),
        ({"estimator": 1, "factory": "a:b"}, ["one of estimator and factory"]),
        ({"estimator": 1, "options": {"a": 1}}, ["options", "factory"]),
        ({"estimator": 1, "shots": 10, "precision": 0.1}, ["shots", "precision"]),
        ({"estimator": 1, "precision": -0.1}, ["precision = -0.1"]),
        ({"estimator": 1, "gradient": "adjoint"}, ["gradient = 'adjoint'", "param_shift", "surrogate"]),
        ({"estimator": 1, "max_row": 3}, ["max_row", "max_rows", "factory"]),
    ],
)
def test_wrong_options(options, words):
    with pytest.raises(UserError) as caught:
        make_backend("estimator", **options)
    assert all(word in str(caught.value) for word in ["backend estimator", *words])


def test_the_precision_that_an_estimator_takes_by_itself():
    assert own_precision(StatevectorEstimator(default_precision=0.5)) == 0.5
    assert own_precision(EstimatorV2(options={"default_precision": 0.25})) == 0.25
    assert own_precision(BackendEstimatorV2(backend=GenericBackendV2(2))) == 1 / 64
    assert own_precision(object()) is None
