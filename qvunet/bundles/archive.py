"""Members with a manifest in one zip that has a single form: the same members are the same bytes.

Members are stored, not compressed, so that what is read is never larger than the file. Nothing is unpacked to
where a member's name says.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from backends.errors import ExecutionError

MANIFEST = "manifest.json"
FORMAT = "qvunet bundle"
VERSION = 1

MAX_BYTES = 2**31
"""Of a file, which is held in memory."""

_NAME = re.compile(r"(?:[a-z0-9_]+/)*[A-Za-z0-9_]+\.[a-z0-9]+")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def pack(members: Mapping[str, bytes]) -> bytes:
    """The file of some members, with the manifest of their digests and sizes before them."""
    listed = {
        name: {"sha256": hashlib.sha256(members[name]).hexdigest(), "bytes": len(members[name])}
        for name in sorted(members)
    }
    manifest = {"format": FORMAT, "version": VERSION, "members": listed}
    return _zipped({MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode(), **members})


def unpack(content: bytes) -> dict[str, bytes]:
    """The members of a file, without the manifest, once all of it has been checked.

    Raises:
        ExecutionError: if anything is damaged, missing, too much, or otherwise than `pack` makes it.
    """
    found = _members(content)
    manifest = _manifest(found.pop(MANIFEST, None))
    if missing := sorted(manifest.keys() - found.keys()):
        raise ExecutionError(f"{missing[0]}: missing; the manifest lists it")
    if extra := sorted(found.keys() - manifest.keys()):
        raise ExecutionError(f"{extra[0]}: too much; the manifest does not list it")
    for name, member in found.items():
        if manifest[name] != {"sha256": hashlib.sha256(member).hexdigest(), "bytes": len(member)}:
            raise ExecutionError(f"{name}: changed; its digest or size is not the manifest's")
    if pack(found) != content:
        raise ExecutionError("packed anew, or changed outside its members")
    return found


def _members(content: bytes) -> dict[str, bytes]:
    """All members by name, of sizes that are real."""
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > len(content):
                raise ExecutionError("its members claim to be larger than the file")
            for entry in entries:
                if not _NAME.fullmatch(entry.filename):
                    raise ExecutionError(f"{entry.filename!r}: no name of a member")
                if entry.filename in found:
                    raise ExecutionError(f"{entry.filename}: there twice")
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise ExecutionError(f"{entry.filename}: compressed, which no member of a bundle is")
                found[entry.filename] = _read(archive, entry)
    except ExecutionError:
        raise
    except Exception as error:  # whatever a damaged zip makes of its reader
        raise ExecutionError(f"no zip, or a damaged one ({type(error).__name__})") from None
    return found


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(entry)
    except zipfile.BadZipFile:
        raise ExecutionError(f"{entry.filename}: changed; its checksum is not the zip's") from None


def _manifest(content: bytes | None) -> dict[str, Any]:
    """What it says of each member."""
    if content is None:
        raise ExecutionError(f"{MANIFEST}: missing; not a bundle of qvunet")
    try:
        manifest = json.loads(content)
        format_, version, members = (manifest[key] for key in ("format", "version", "members"))
        members = dict(members)
        if not all(map(_NAME.fullmatch, members)):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ExecutionError(f"{MANIFEST}: damaged") from None
    if format_ != FORMAT or version != VERSION:
        raise ExecutionError(
            f"{MANIFEST}: {format_!r}, version {version!r}; this qvunet reads {FORMAT!r}, version {VERSION}"
        )
    return members


def _zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members, key=lambda name: (name != MANIFEST, name)):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on every machine
            archive.writestr(entry, members[name])
    return buffer.getvalue()
