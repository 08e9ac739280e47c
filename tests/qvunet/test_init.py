from __future__ import annotations

import pytest

import qvunet


@pytest.mark.parametrize("name", qvunet.__all__)
def test_what_is_exported_is_there(name):
    assert getattr(qvunet, name).__name__ == name


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = qvunet.no_such_thing
