"""`qvunet bundle verify`: what it says of a bundle, and of one that was changed by somebody who knows how."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, save
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from backends.circuits.stored import from_qpy, to_qpy
from backends.records.sent import Sent
from qvunet.bundles.archive import pack
from tests.qvunet.bundles.conftest import PAGE, VERIFY, run_cli
from tests.qvunet.bundles.test_contents import some


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No network and no account."""

    def no_network(*arguments, **options):
        raise AssertionError("asked the service")

    monkeypatch.setattr("socket.socket.connect", no_network)
    monkeypatch.delenv("QISKIT_IBM_TOKEN", raising=False)


@pytest.fixture
def verified(tmp_path):
    """Verify some members under a manifest of their own; gives the one line that says what is wrong."""

    def verify(members: dict[str, bytes], exit_code: int = 1) -> str:
        file = tmp_path / "forged.zip"
        file.write_bytes(pack(members))
        result = run_cli("bundle", "verify", file)
        assert (result.exit_code, result.stdout) == (exit_code, "")
        assert result.stderr.count("\n") == 1
        assert result.stderr.startswith(f"error: {file}: ")
        return result.stderr.removeprefix(f"error: {file}: ").strip()

    return verify


def test_a_bundle_and_the_exact_picture_beside_it(rehearsed, monkeypatch):
    """As the page says, which shows the same lines."""
    monkeypatch.chdir(rehearsed.folder)
    result = run_cli(*VERIFY)
    assert result.exit_code == 0, result.output
    shown = [line.split()[0] for line in PAGE.split("```\n")[2].splitlines()]
    assert [line.split()[0] for line in result.stdout.splitlines()] == shown
    told = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert told["members"] == f"{len(rehearsed.members)}, all as the manifest says"
    assert told["device"] == "fake_guadalupe; a rehearsal, no quantum computer was asked"
    assert told["jobs"].startswith("2, ")
    assert "of the network's" in told["circuits"]
    assert told["picture"] == "2 images, equal to those of the answers"
    distance, correlation = (float(each.split()[-1]) for each in told["exact"].split(","))
    assert 0 < distance < 1
    assert 0.5 < correlation < 1
    stored = pixels(rehearsed.members["picture/grid.png"])
    measured, exact, both = (
        pixels((rehearsed.folder / VERIFY[-1] / name).read_bytes())
        for name in ("measured.png", "exact.png", "side_by_side.png")
    )
    np.testing.assert_array_equal(measured, stored)
    np.testing.assert_array_equal(both[:, : stored.shape[1]], stored)
    np.testing.assert_array_equal(both[:, -stored.shape[1] :], exact)


def test_the_drawing_found_again_in_its_journal_gives_the_same_bytes(rehearsed, monkeypatch):
    monkeypatch.chdir(rehearsed.folder)
    result = rehearsed.sample("--bundle=again.zip")
    assert "done before  2 jobs" in result.stdout, result.output
    assert (rehearsed.folder / "again.zip").read_bytes() == rehearsed.file.read_bytes()


def test_a_byte_changed_in_any_member(rehearsed, tmp_path):
    whole, file = rehearsed.file.read_bytes(), tmp_path / "changed.zip"
    for name, content in rehearsed.members.items():
        assert whole.count(content) == 1
        where = whole.index(content) + len(content) // 2
        file.write_bytes(whole[:where] + bytes([whole[where] ^ 1]) + whole[where + 1 :])
        result = run_cli("bundle", "verify", file)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == f"error: {file}: {name}: changed; its checksum is not the zip's\n"


def test_answers_of_another_device(rehearsed, verified):
    name = some(rehearsed.members, "jobs/", ".safetensors")
    arrays = load(rehearsed.members[name])
    arrays["values"] = -arrays["values"]
    forged = verified({**rehearsed.members, name: save(arrays)})
    # Later inputs follow from earlier answers, where there are any.
    assert "what no stored job answers" in forged or "not what the stored answers give" in forged


def test_questions_that_the_network_does_not_ask(rehearsed, verified):
    name = some(rehearsed.members, "jobs/", ".safetensors")
    arrays = load(rehearsed.members[name])
    arrays["parameters"] = arrays["parameters"] + 0.01
    assert "what no stored job answers" in verified({**rehearsed.members, name: save(arrays)})


def test_questions_that_the_device_was_not_asked(rehearsed, verified):
    name = some(rehearsed.members, "jobs/", ".safetensors")
    arrays = load(rehearsed.members[name])
    arrays["submitted"] = arrays["submitted"] + 0.01
    assert "differs in exact expectations" in verified({**rehearsed.members, name: save(arrays)})


def test_another_circuit_than_the_network_s(rehearsed, verified):
    name = some(rehearsed.members, "circuits/", ".qpy")
    old = Path(name).stem
    circuit = from_qpy(rehearsed.members[name])
    circuit.x(0)
    sent = Sent(to_qpy(circuit), rehearsed.members[f"circuits/{old}.json"])
    forged = {}
    for key, content in rehearsed.members.items():
        text = content.replace(old.encode(), sent.digest.encode()) if key.endswith(".json") else content
        forged[key.replace(old, sent.digest)] = content if key.startswith("circuits/") else text
    forged[f"circuits/{sent.digest}.qpy"] = sent.qpy
    assert "differs in exact expectations" in verified(forged)


def test_openqasm_of_something_else(rehearsed, verified):
    name = some(rehearsed.members, "circuits/", ".qasm")
    assert verified({**rehearsed.members, name: b"OPENQASM 3.0;"}).startswith(f"{name}: not the circuit")


def retouched(image: np.ndarray) -> np.ndarray:
    changed = image.copy()
    changed[3, 3] ^= 128
    return changed


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("grid.png", retouched, "not what the stored answers give"),
        ("0001.png", retouched, "not what the stored answers give"),
        ("0000.png", lambda image: image[1:], "of another size"),
        ("0001.png", lambda image: image.astype(bool), "of other colours"),
    ],
)
def test_a_retouched_picture(rehearsed, verified, name, change, reason):
    png = io.BytesIO()
    Image.fromarray(change(pixels(rehearsed.members[f"picture/{name}"]))).save(png, "png")
    forged = {**rehearsed.members, f"picture/{name}": png.getvalue()}
    assert verified(forged).startswith(f"picture/{name}: {reason}")


def test_other_weights(rehearsed, verified):
    name = "network/diffusion_pytorch_model.safetensors"
    weights = load_tensors(rehearsed.members[name])
    forged = {key: value + 0.1 for key, value in weights.items()}
    assert "what no stored job answers" in verified({**rehearsed.members, name: save_tensors(forged)})
    first = dict(list(weights.items())[1:])
    assert verified({**rehearsed.members, name: save_tensors(first)}).startswith(
        "network/: not that of its config"
    )


def test_a_job_that_nothing_asked_for(rehearsed, verified):
    name = some(rehearsed.members, "jobs/", ".json")
    stem = Path(name).stem
    record = rehearsed.members[name].replace(stem.encode(), b"spare").replace(b'"index": ', b'"index": 9')
    arrays = rehearsed.members[f"jobs/{stem}.safetensors"]
    forged = {**rehearsed.members, "jobs/spare.json": record, "jobs/spare.safetensors": arrays}
    assert verified(forged) == "jobs/spare.json: answers nothing that the network asks"


def test_ids_that_a_terminal_would_obey(rehearsed, tmp_path):
    name = some(rehearsed.members, "jobs/", ".json")
    record = json.loads(rehearsed.members[name]) | {"job_id": "a\nexact        \x1b[2J"}
    file = tmp_path / "forged.zip"
    file.write_bytes(pack({**rehearsed.members, name: json.dumps(record).encode()}))
    result = run_cli("bundle", "verify", file)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 10)
    assert "a?exact        ?[2J" in result.stdout


def test_a_file_that_is_too_large(rehearsed, monkeypatch):
    monkeypatch.setattr("qvunet.bundles.verifying.MAX_BYTES", 1000)
    result = run_cli("bundle", "verify", rehearsed.file)
    assert (result.exit_code, "larger than 1,000 bytes" in result.stderr) == (1, True)


def test_what_cannot_be_read(rehearsed, tmp_path):
    result = run_cli("bundle", "verify", tmp_path / "nowhere.zip")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    result = run_cli("bundle", "verify", rehearsed.file, "--out", rehearsed.file)
    assert (result.exit_code, "a file, not a directory" in result.stderr) == (2, True)


def test_no_bundle_of_circuits_that_run_here(rehearsed, monkeypatch):
    monkeypatch.chdir(rehearsed.folder)
    here = ("sample", "--run=digits-latent-fqconv", "--num=1", "--steps=1")
    result = run_cli(*here, "--bundle=here.zip")
    assert (result.exit_code, "--backend ibm_runtime" in result.stderr) == (2, True)
    result = rehearsed.sample("--bundle=.")
    assert (result.exit_code, "a directory" in result.stderr) == (2, True)


def test_jobs_of_a_journal_that_kept_no_circuits(rehearsed, monkeypatch, tmp_path):
    shutil.copytree(rehearsed.folder / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    for file in tmp_path.rglob("sent/*.qpy"):
        file.unlink()
    result = rehearsed.sample("--bundle=again.zip")
    assert (result.exit_code, "missing; job" in result.stderr) == (2, True)
    assert not (tmp_path / "again.zip").exists()


def test_the_page_names_every_member(rehearsed):
    table = PAGE.split("## What is in it")[1]
    for name in rehearsed.members:
        folder, _, file = name.rpartition("/")
        suffix = file.partition(".")[2]
        named = {"circuits": f".{suffix}`", "jobs": f"NAME.{suffix}`"}.get(folder, f"`{name.split('/')[0]}")
        assert named in table, name
