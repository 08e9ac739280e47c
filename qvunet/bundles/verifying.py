"""A bundle checked: digests, circuits, answers, picture; and the exact picture beside it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
import numpy.typing as npt
import qiskit
from PIL import Image
from qiskit import qasm3
from torch import Tensor

from backends.circuits.stored import from_qpy
from backends.errors import ExecutionError, UserError
from backends.ibm.backend import IbmRuntimeBackend
from backends.ibm.replay import Replay
from backends.options import StatevectorOptions
from qvunet.bundles.archive import MAX_BYTES, unpack
from qvunet.bundles.contents import Bundle, one_line, printable, read_bundle
from qvunet.config import Config
from qvunet.diffusion.conditioning import grid_columns
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.tasks.trained import load_trained
from qvunet.tools.figures import save_grid, save_images, save_side_by_side

Pixels = npt.NDArray[np.uint8]

MAX_DIFFERENCE = 1e-6
"""Between exact expectations of the network's circuits and of the submitted ones, which round differently."""

MAX_ROUNDING = 1
"""Of 255, between pixels of the stored picture and of what is drawn again, perhaps on another machine."""


@dataclass(frozen=True)
class Verification:
    """What was found; every check has passed.

    Attributes:
        path: of the file.
        sha256: of the file.
        num_bytes: of the file.
        num_members: whose digests are right.
        bundle: what is in it.
        angle: the largest difference between a parameter that the network asks for and the stored one,
            radians.
        value: that between exact expectations of the network's circuits and of the submitted ones.
        uncompared: jobs whose circuits are too large to say so.
        rounded: pixels of the stored picture that differ by one from those drawn again.
        distance: root mean square difference of an image to the exact one, pixels in [-1, 1], the mean of
            all.
        correlation: of all pixels with those of the exact images; nan where either are all the same.
    """

    path: Path
    sha256: str
    num_bytes: int
    num_members: int
    bundle: Bundle
    angle: float
    value: float
    uncompared: int
    rounded: int
    distance: float
    correlation: float

    def lines(self) -> list[str]:
        """The same for people."""
        return [
            printable(line) for line in self._lines()
        ]  # names, ids and versions are whatever somebody wrote

    def _lines(self) -> Iterator[str]:
        records = self.bundle.journal.records
        circuits = {record.sent for record in records}
        seconds = sum(record.qpu_seconds for record in records)
        devices = sorted({record.device for record in records})
        rehearsal = any(device.startswith("fake_") for device in devices)
        nothing = "; a rehearsal, no quantum computer was asked" if rehearsal else ""
        versions = self.bundle.environment.get("versions", {})
        made = ", ".join(
            f"{name} {versions.get(name)}" for name in ("qvunet", "qiskit", "qiskit-ibm-runtime")
        )
        ids = ", ".join(record.job_id or "?" for record in records)
        calibrated = sorted({record.calibration for record in records if record.calibration})
        large = f"; {self.uncompared} jobs not compared, too many coupled qubits" if self.uncompared else ""
        rounded = f", but for {self.rounded} pixels rounded otherwise" if self.rounded else ""
        yield f"file         {self.path}, {self.num_bytes:,} bytes, SHA-256 {self.sha256}"
        yield f"members      {self.num_members}, all as the manifest says"
        yield f"made with    {made}"
        yield f"device       {', '.join(devices)}{nothing}"
        yield f"calibrated   {', '.join(calibrated) or 'nobody says when'}"
        yield f"jobs         {len(records)}, {seconds:.1f} s of QPU time: {ids}"
        within = f"within {self.value:.1e} of the network's"
        yield f"circuits     {len(circuits)}, their exact expectations {within}{large}"
        yield f"answers      to what the network asks, within {self.angle:.1e} radians"
        yield f"picture      {self.bundle.config.sample.num} images, equal to those of the answers{rounded}"
        yield f"exact        distance {self.distance:.3f}, correlation {self.correlation:.3f}"


def verify(path: Path, out: Path | None = None) -> Verification:
    """Check a bundle, without network and account.

    Args:
        path: of the file.
        out: directory for `measured.png`, `exact.png` and `side_by_side.png`.

    Raises:
        UserError: if there is no such file, `out` is one, or the Qiskit that is installed does not read a
            circuit.
        ExecutionError: if anything in the file was changed, or does not follow from the rest.
    """
    if out is not None and out.is_file():
        raise UserError(f"--out {out}: a file, not a directory")
    content = _content(path)
    try:
        members = unpack(content)
        bundle = read_bundle(members)
        with TemporaryDirectory() as folder:
            run, checkpoint = bundle.lay_out(Path(folder))
            replay = Replay(bundle.journal)
            measured = _drawn(_on_cpu(bundle.config), run, checkpoint, replay)
            _check_jobs(bundle, replay)
            rounded = _rounded(bundle, measured, Path(folder) / "again")
            exact = _drawn(_on_cpu(bundle.config, exact=True), run, checkpoint)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except ExecutionError as error:
        raise ExecutionError(f"{path}: {error}") from None
    except Exception as error:  # right digests of what was never drawn
        raise ExecutionError(f"{path}: cannot be drawn again ({one_line(error)})") from None
    if out is not None:
        _save(measured, exact, out, grid_columns(bundle.config))
    return Verification(
        path,
        hashlib.sha256(content).hexdigest(),
        len(content),
        len(members),
        bundle,
        replay.angle,
        replay.value,
        replay.uncompared,
        rounded,
        _distance(measured, exact),
        _correlation(measured, exact),
    )


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > MAX_BYTES:
        raise ExecutionError(f"{path}: larger than {MAX_BYTES:,} bytes, which no bundle is")
    return content


def _on_cpu(config: Config, exact: bool = False) -> Config:
    """The config of a drawing, where no graphics card may be."""
    changes = {"device": "cpu", "threads": None, **({"backend": StatevectorOptions()} if exact else {})}
    return config.model_copy(update=changes)


def _drawn(config: Config, run: RunDirectory, checkpoint: Path, replay: Replay | None = None) -> Tensor:
    """The images, (N, C, H, W) in [-1, 1]."""
    try:
        task = make_task(config, run, compare=False)
        model = load_trained(task, checkpoint)
        if replay is None:
            return task.draw(model)
        layer = next(iter(model.circuit_layers().values()))
        with cast(IbmRuntimeBackend, layer.backend).replaying(replay):
            return task.draw(model)
    except UserError as error:  # which whoever verifies cannot mend
        raise ExecutionError(f"network/: not that of its config ({one_line(error)})") from None


def _check_jobs(bundle: Bundle, replay: Replay) -> None:
    """Every job was needed, and asked the device what the network asks."""
    answered = {record.name for record in bundle.journal.answered}
    if unused := sorted(record.name for record in bundle.journal.records if record.name not in answered):
        raise ExecutionError(f"jobs/{unused[0]}.json: answers nothing that the network asks")
    if not replay.value <= MAX_DIFFERENCE:
        raise ExecutionError(
            f"circuits/: what was submitted differs in exact expectations from what the network asks, by "
            f"{replay.value:.1e}"
        )
    if bundle.environment.get("versions", {}).get("qiskit") != qiskit.__version__:
        return  # another Qiskit may write the same circuit otherwise
    for record in bundle.journal.records:
        if qasm3.dumps(from_qpy(bundle.journal.sent(record).qpy)) != bundle.qasm[record.sent]:
            raise ExecutionError(f"circuits/{record.sent}.qasm: not the circuit of the QPY file beside it")


def _rounded(bundle: Bundle, samples: Tensor, folder: Path) -> int:
    """How many pixels of the stored pictures differ by one from those drawn again."""
    save_images(samples, folder)
    save_grid(samples, folder / "grid.png", grid_columns(bundle.config))
    rounded = 0
    for name, stored in sorted(bundle.pictures.items()):
        with Image.open(folder / name) as image:
            expected = np.asarray(image)
        difference = np.abs(_pixels(name, stored, expected).astype(int) - expected)
        if difference.max() > MAX_ROUNDING:
            raise ExecutionError(
                f"picture/{name}: not what the stored answers give, from which it differs by up to "
                f"{difference.max()} of 255"
            )
        if name != "grid.png":
            rounded += int(np.count_nonzero(difference))
    return rounded


def _pixels(name: str, content: bytes, expected: Pixels) -> Pixels:
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if image.size != expected.shape[1::-1]:  # told before a pixel is read, however many it claims
            raise ExecutionError(f"picture/{name}: of another size than the images")
        pixels = np.asarray(image)
    if pixels.shape != expected.shape or pixels.dtype != expected.dtype:
        raise ExecutionError(f"picture/{name}: of other colours than the images")
    return pixels


def _save(measured: Tensor, exact: Tensor, out: Path, columns: int | None) -> None:
    for name, samples in {"measured.png": measured, "exact.png": exact}.items():
        save_grid(samples, out / name, columns)
    save_side_by_side([out / "measured.png", out / "exact.png"], out / "side_by_side.png")


def _distance(measured: Tensor, exact: Tensor) -> float:
    return float((measured - exact).double().square().flatten(1).mean(1).sqrt().mean())


def _correlation(measured: Tensor, exact: Tensor) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(measured.flatten().numpy(), exact.flatten().numpy())[0, 1])
