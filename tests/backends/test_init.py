import subprocess
import sys

import pytest

import backends
from backends import BACKEND_NAMES, Backend, UserError, make_backend
from backends.options import AerStatevectorOptions, BackendOptions, StatevectorOptions


@pytest.mark.parametrize("name", ["statevector", "aer_statevector"])
def test_a_backend_by_name(name):
    backend = make_backend(name)
    assert isinstance(backend, Backend)
    assert backend.name == backend.options.name == name


@pytest.mark.parametrize(
    "options", [StatevectorOptions(threads=1), AerStatevectorOptions(gradient="surrogate")]
)
def test_a_backend_from_options(options):
    backend = make_backend(options)
    assert backend.name == options.name
    assert backend.options is options


def test_options_are_kept():
    assert make_backend("aer_statevector", gradient="surrogate", threads=1).options == AerStatevectorOptions(
        gradient="surrogate", threads=1
    )


def test_options_are_not_given_twice():
    with pytest.raises((UserError, TypeError), match="threads"):
        make_backend(StatevectorOptions(), threads=2)


@pytest.mark.parametrize("name", ["state_vector", "", "Statevector", None, 3])
def test_unknown_names_list_what_is_allowed(name):
    with pytest.raises(UserError, match=r"unknown backend.*statevector, aer_statevector"):
        make_backend(name)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("statevector", {"threds": 2}, ["threds", "threads", "gradient"]),
        ("statevector", {"threads": 0}, ["threads = 0", "greater than 0"]),
        ("aer_statevector", {"threads": "many"}, ["threads = 'many'", "integer"]),
        ("aer_statevector", {"gradient": "adjoint"}, ["gradient = 'adjoint'", "param_shift", "surrogate"]),
        ("aer_statevector", {"shots": 10}, ["'shots'", "allowed", "gradient"]),
        ("aer_statevector", {"threads": -1, "gradient": "magic"}, ["threads = -1", "gradient = 'magic'"]),
    ],
)
def test_wrong_options_are_refused_by_name(name, options, words):
    with pytest.raises(UserError) as caught:
        make_backend(name, **options)
    assert all(word in str(caught.value) for word in [name, *words])


def test_every_name_has_options_and_a_class():
    names = {options.model_fields["name"].default for options in BackendOptions.__subclasses__()}
    assert names == set(BACKEND_NAMES) == set(backends._CLASSES)


def test_a_user_error_is_a_value_error_without_a_chain():
    assert issubclass(UserError, ValueError)
    with pytest.raises(UserError) as caught:
        make_backend("statevector", threads=0)
    assert caught.value.__suppress_context__


def test_missing_attributes_are_named():
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = backends.no_such_thing


def test_importing_is_light():
    """The command line and config files need names and options only; torch and Qiskit take seconds."""
    code = (
        "import sys, backends, backends.options\n"
        "backends.options.StatevectorOptions()\n"
        "print([name for name in ('torch', 'qiskit', 'qiskit_aer', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
