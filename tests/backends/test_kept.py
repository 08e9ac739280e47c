from __future__ import annotations

import json
from types import ModuleType

import pytest

from backends import kept as module
from backends.kept import kept


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path))
    return tmp_path


def asked(question="q", modules=(module,), answers=("first", "second")):
    """What two processes would get that ask one after the other, each with an answer of its own."""
    return [kept("kind", question, modules, lambda answer=answer: answer) for answer in answers]


def test_an_answer_is_found_once(folder):
    assert asked() == ["first", "first"]
    assert asked("another") == ["first", "first"]
    assert len(list((folder / "kind").iterdir())) == 2


def test_a_change_of_the_code_asks_again(folder, tmp_path_factory):
    source = tmp_path_factory.mktemp("code") / "code.py"
    code = ModuleType("code")
    code.__file__ = str(source)
    source.write_text("a = 1")
    assert asked(modules=(code,)) == ["first", "first"]
    source.write_text("a = 2")
    assert asked(modules=(code,), answers=("third",)) == ["third"]


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"answer": "x", "sha256": "0"}', "\udc80"])
def test_a_damaged_file_is_replaced(folder, damage):
    asked()
    (file,) = (folder / "kind").iterdir()
    file.write_bytes(damage.encode("utf-8", "surrogateescape"))
    assert asked(answers=("third", "fourth")) == ["third", "third"]


def test_where_nothing_can_be_written_answers_are_found(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("QVUNET_CACHE", str(tmp_path / "file"))
    assert asked() == ["first", "second"]


def test_what_is_kept_is_plain_json(folder):
    assert asked(answers=([1, [2.5, None]],)) == [[1, [2.5, None]]]
    (file,) = (folder / "kind").iterdir()
    assert json.loads(file.read_text())["answer"] == [1, [2.5, None]]
