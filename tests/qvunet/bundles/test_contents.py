"""Members with right digests that are not what a bundle holds: whoever makes a file can make its manifest."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from safetensors.numpy import load, save

from backends.errors import ExecutionError, UserError
from backends.records.sent import Sent
from qvunet.bundles.contents import read_bundle


def refused(members: dict[str, bytes], kind: type[Exception] = ExecutionError) -> str:
    with pytest.raises(kind) as raised:
        read_bundle(members)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def some(members: dict[str, bytes], start: str, end: str) -> str:
    return next(name for name in sorted(members) if name.startswith(start) and name.endswith(end))


def test_what_a_bundle_holds(rehearsed):
    bundle = read_bundle(rehearsed.members)
    assert (bundle.config.backend.shots, bundle.config.sample.num) == (16, 2)
    assert bundle.environment["versions"].keys() >= {"qvunet", "qiskit", "qiskit-ibm-runtime"}
    assert sorted(bundle.pictures) == ["0000.png", "0001.png", "grid.png"]
    assert len(bundle.journal.records) == 2
    for record in bundle.journal.records:
        arrays = bundle.journal.arrays(record)
        assert record.job_id is not None
        assert arrays["values"].shape == arrays["stds"].shape
        facts = json.loads(bundle.journal.sent(record).facts)
        assert facts["options"]["resilience_level"] == 0
        assert facts["options"]["default_shots"] == 16
        used = set(facts["layout"]["initial"]) | set(facts["layout"]["final"])
        assert used <= set(facts["chip_qubits"]) == set(map(int, facts["calibration"]["qubits"]))
        names = {gate["gate"] for gate in facts["calibration"]["gates"]}
        assert names >= {"sx", "cx"}
        assert "OPENQASM 3.0" in bundle.qasm[record.sent]


def test_neither_account_nor_token_is_in_it(rehearsed):
    for name, content in rehearsed.members.items():
        assert b"lab-of-alice" not in content, name
        assert b"planted-token" not in content, name


def test_any_member_missing(rehearsed):
    for name in rehearsed.members:
        fewer = {key: value for key, value in rehearsed.members.items() if key != name}
        assert name.rsplit(".", 1)[0] in refused(fewer)


@pytest.mark.parametrize(
    "name", ["more.txt", "network/pytorch_model.bin", "picture/0002.png", "jobs/a.pkl", "circuits/x.qpy"]
)
def test_a_member_too_much(rehearsed, name):
    assert refused({**rehearsed.members, name: b""}).startswith(f"{name}: not what a bundle holds")


def test_any_member_that_is_something_else(rehearsed):
    """Weights and pictures are read when they are needed; OpenQASM is compared, not read."""
    later = ("network/config.json", ".png", "diffusion_pytorch_model.safetensors", "autoencoder/config.json")
    for name in rehearsed.members:
        if not name.endswith((*later, ".qasm")):
            assert name.rsplit(".", 1)[0] in refused({**rehearsed.members, name: b"\x80\x04K\x01."})


def changed_config(members: dict[str, bytes], old: str, new: str) -> dict[str, bytes]:
    text = members["network/config.yaml"].decode()
    assert text.count(old) == 1
    return {**members, "network/config.yaml": text.replace(old, new).encode()}


def test_a_function_is_not_imported(rehearsed):
    forged = changed_config(rehearsed.members, "ansatz: fqconv", "ansatz: antigravity:fly")
    assert refused(forged) == "network/circuit/ansatz.json: missing"
    assert "antigravity" not in sys.modules


def test_a_config_that_reads_other_files_or_grows(rehearsed):
    forged = changed_config(rehearsed.members, "seed: 0\ndevice", "extends: /etc/passwd\nseed: 0\ndevice")
    assert "extends" in refused(forged)
    forged = changed_config(rehearsed.members, "seed: 0\ndevice", "seed: &a 0\nthreads: *a\ndevice")
    assert "alias" in refused(forged)


def test_more_images_than_can_be(rehearsed):
    forged = changed_config(rehearsed.members, "  num: 2\n", "  num: 100000000000\n")
    assert refused(forged) == "picture/: fewer images than the config says"


def test_another_backend(rehearsed):
    backend = (
        rehearsed.members["network/config.yaml"].decode().split("backend:\n")[1].split("\ndiffusion:")[0]
    )
    forged = changed_config(rehearsed.members, backend, "  name: statevector")
    assert "the backend is statevector" in refused(forged)


@pytest.mark.parametrize("version", [12, 99])
def test_qpy_that_this_qiskit_does_not_read(rehearsed, version):
    name = some(rehearsed.members, "circuits/", ".qpy")
    content = rehearsed.members[name]
    sent = Sent(content[:6] + bytes([version]) + content[7:], rehearsed.members[name[:-3] + "json"])
    forged = {key: value for key, value in rehearsed.members.items() if not key.startswith(name[:-3])}
    stem = f"circuits/{sent.digest}"
    forged |= {f"{stem}.qpy": sent.qpy, f"{stem}.json": sent.facts, f"{stem}.qasm": b""}
    assert f"{stem}.qpy: QPY of version {version}, where Qiskit" in refused(forged, UserError)


def test_what_was_sent_is_named_by_its_digest(rehearsed):
    name = some(rehearsed.members, "circuits/", ".json")
    forged = {**rehearsed.members, name: rehearsed.members[name].replace(b"sx", b"xs")}
    assert "its name is not its digest" in refused(forged)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("stds"),
        lambda arrays: arrays.update(more=np.zeros((1, 1))),
        lambda arrays: arrays.update(values=arrays["values"][:, :1]),
        lambda arrays: arrays.update(stds=arrays["stds"].astype(np.float32)),
        lambda arrays: arrays.update(submitted=arrays["submitted"][:1]),
        lambda arrays: arrays.update(values=np.full_like(arrays["values"], np.nan)),
    ],
)
def test_arrays_that_do_not_fit(rehearsed, change):
    name = some(rehearsed.members, "jobs/", ".safetensors")
    arrays = load(rehearsed.members[name])
    change(arrays)
    assert refused({**rehearsed.members, name: save(arrays)}).startswith(name.rsplit(".", 1)[0])


@pytest.mark.parametrize(
    ("key", "value"), [("status", "failed"), ("name", "b"), ("sent", "0"), ("step", "x")]
)
def test_a_record_that_does_not_fit(rehearsed, key, value):
    name = some(rehearsed.members, "jobs/", ".json")
    record = {**json.loads(rehearsed.members[name]), key: value}
    assert refused({**rehearsed.members, name: json.dumps(record).encode()}).startswith(
        name.rsplit(".", 1)[0]
    )


def test_a_circuit_with_which_nothing_was_sent(rehearsed):
    name = some(rehearsed.members, "circuits/", ".qpy")
    sent = Sent(rehearsed.members[name], b"{}")
    stem = f"circuits/{sent.digest}"
    more = {f"{stem}.qpy": sent.qpy, f"{stem}.json": sent.facts, f"{stem}.qasm": b""}
    assert refused({**rehearsed.members, **more}) == f"{stem}.qpy: no job was sent with it"
