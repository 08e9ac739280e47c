from __future__ import annotations

import sys
from pathlib import Path

import pytest

from backends.errors import UserError
from backends.functions import call_function, import_function


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the user's in the current folder; its name, forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "things.py").write_text(
        "limit = 3\n"
        "def make(size, *, dark=False):\n    return size, dark\n"
        "def fail():\n    raise KeyError('lost')\n"
    )
    (tmp_path / "broken_things.py").write_text("import no_such_library\n")
    (tmp_path / "wrong_things.py").write_text("1 / 0\n")
    yield "own.things"
    for name in ("own", "own.things", "broken_things", "wrong_things"):
        sys.modules.pop(name, None)


def test_functions_of_the_current_folder_and_of_installed_packages(module):
    assert call_function(import_function(f"{module}:make", "data.factory"), {"size": 4}, "", "") == (4, False)
    assert import_function("os.path:join", "data.factory")("a", "b") == "a/b"
    assert import_function("pathlib:Path.cwd", "data.factory")() == Path.cwd()


def test_what_python_has_is_not_hidden_by_files_of_the_current_folder(module, tmp_path):
    (tmp_path / "sched.py").write_text("1 / 0")
    assert callable(import_function("sched:scheduler", "data.factory"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.things:make", r"no module 'nothing', neither installed nor in /"),
        ("own.nothing:make", r"no module 'own\.nothing'"),
        ("own.things:mak", r"own\.things has no function 'mak' \(did you mean 'make'\?\)"),
        ("own.things:limit", r"own\.things has no function 'limit', but one of the type int"),
        ("own.things:make.part", r"own\.things has no function 'make\.part'"),
        (
            "broken_things:make",
            r"broken_things cannot be imported \(.*broken_things\.py:1: .*no_such_library",
        ),
        ("wrong_things:make", r"wrong_things cannot be imported \(.*wrong_things\.py:1: ZeroDivisionError"),
    ],
)
def test_what_is_missing_or_fails_is_named(module, name, words):
    with pytest.raises(UserError, match=rf"^data\.factory: {words}"):
        import_function(name, "data.factory")


def test_options_that_do_not_fit_are_named_with_those_that_do(module):
    make = import_function(f"{module}:make", "data.factory")
    for options, word in (({"size": 1, "drak": True}, "drak"), ({}, "size")):
        with pytest.raises(UserError, match=rf"^data\.options: .*'{word}'.* make\(size, \*, dark=False\)"):
            call_function(make, options, "data.factory", "data.options")


def test_a_failure_is_named_with_its_place(module):
    fail = import_function(f"{module}:fail", "data.factory")
    with pytest.raises(UserError, match=r"^data\.factory: failed \(.*things\.py:5: KeyError: 'lost'\)"):
        call_function(fail, {}, "data.factory", "data.options")
