"""The file of a bundle: whatever is changed, missing, too much or forged is told in one line."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest

from backends.errors import ExecutionError
from qvunet.bundles.archive import MANIFEST, pack, unpack

MEMBERS = {"picture/grid.png": b"\x89PNG" * 9, "jobs/a_1.json": b"{}", "notes.txt": b""}


def refused(content: bytes) -> str:
    with pytest.raises(ExecutionError) as raised:
        unpack(content)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def zipped(entries: list[tuple[zipfile.ZipInfo | str, bytes]], **options) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def manifest_for(members: dict[str, bytes]) -> bytes:
    listed = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in members.items()
    }
    return json.dumps({"format": "qvunet bundle", "version": 1, "members": listed}).encode()


def test_members_come_back_and_the_same_members_are_the_same_bytes():
    content = pack(MEMBERS)
    assert unpack(content) == MEMBERS
    assert pack(dict(reversed(MEMBERS.items()))) == content


def test_the_manifest_says_digest_and_size_of_each_member():
    with zipfile.ZipFile(io.BytesIO(pack(MEMBERS))) as archive:
        assert archive.namelist()[0] == MANIFEST
        assert json.loads(archive.read(MANIFEST)) == json.loads(manifest_for(MEMBERS))


def test_whichever_byte_is_changed():
    content = pack(MEMBERS)
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        refused(bytes(changed))


def test_wherever_the_file_is_cut():
    content = pack(MEMBERS)
    for end in range(0, len(content), 7):
        refused(content[:end])


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_a_member_changed_missing_or_twice(name):
    manifest = (MANIFEST, manifest_for(MEMBERS))
    changed = {**MEMBERS, name: MEMBERS[name] + b"."}
    assert refused(zipped([manifest, *changed.items()])).startswith(f"{name}: changed")
    fewer = [(key, value) for key, value in MEMBERS.items() if key != name]
    assert refused(zipped([manifest, *fewer])).startswith(f"{name}: missing")
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped([manifest, *MEMBERS.items(), (name, MEMBERS[name])])
    assert refused(twice).startswith(f"{name}: there twice")


def test_a_member_too_much():
    entries = [(MANIFEST, manifest_for(MEMBERS)), *MEMBERS.items(), ("more.txt", b"")]
    assert refused(zipped(entries)).startswith("more.txt: too much")


@pytest.mark.parametrize(
    "name",
    ["../up.txt", "a/../../up.txt", "/etc/passwd.txt", "C:\\up.txt", "a\\b.txt", "a//b.txt", ".x", "a/"],
)
def test_a_name_that_leads_elsewhere(name):
    members = {**MEMBERS, name: b""}
    content = zipped([(zipfile.ZipInfo(name), b""), *MEMBERS.items(), (MANIFEST, manifest_for(members))])
    assert "no name of a member" in refused(content)


def test_a_bomb():
    bomb = {"bomb.bin": bytes(10**7)}
    content = zipped([(MANIFEST, manifest_for(bomb)), *bomb.items()], compression=zipfile.ZIP_DEFLATED)
    assert len(content) < 10**5
    assert "claim to be larger than the file" in refused(content)


def test_compression():
    entries = [(MANIFEST, manifest_for(MEMBERS)), *MEMBERS.items()]
    assert "compressed" in refused(zipped(entries, compression=zipfile.ZIP_LZMA))


def test_a_size_that_is_a_lie():
    content = pack({"a.txt": b"abc"})
    for size in (2, 4, 2**32 - 2):
        refused(content.replace((3).to_bytes(4, "little"), size.to_bytes(4, "little")))


def test_bytes_that_belong_to_no_member():
    content = pack(MEMBERS)
    assert "outside its members" in refused(b"#!/bin/sh\n" + content)
    assert "outside its members" in refused(zipped([(MANIFEST, manifest_for(MEMBERS)), *MEMBERS.items()]))


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        b"[" * 10**5,
        b'{"format": "qvunet bundle", "version": 1, "members": 3}',
        b'{"format": "qvunet bundle", "version": 1, "members": {"a\\nb": {}}}',
    ],
)
def test_a_manifest_that_is_none(manifest):
    assert refused(zipped([(MANIFEST, manifest), *MEMBERS.items()])).startswith("manifest.json: damaged")


def test_no_manifest_another_format_and_another_version():
    assert refused(zipped(list(MEMBERS.items()))).startswith("manifest.json: missing")
    for forged in (
        b'{"format": "zip", "version": 1, "members": {}}',
        b'{"format": "qvunet bundle", "version": 2, "members": {}}',
    ):
        assert "this qvunet reads 'qvunet bundle', version 1" in refused(zipped([(MANIFEST, forged)]))


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"a text", bytes(1000)])
def test_no_zip_at_all(content):
    assert "no zip" in refused(content)
