from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from backends.errors import UserError
from qvunet.cli import app
from qvunet.config import Config
from qvunet.reports.tables import cell as cell_module

TINY = {
    "extends": "tables/variants",
    "name": "tiny",
    "seeds": [3],
    "datasets": {"digits": {"name": "digits", "image_size": 16}},
    "files": {"name": "idx", "image_size": 16},
    "config": {
        "threads": 1,
        "diffusion": {"num_train_timesteps": 20},
        "train": {"steps": 3, "batch_size": 4, "checkpoint_every": 2, "sample_every": None},
        "sample": {"sampler": "ddim", "steps": 2, "num": 2},
    },
    "run": ["classical", "mlp_10", "transfer_hqconv"],
}


class Evaluation:
    """Stands for `qvunet.evaluation.Evaluation`: figures that depend on the weights and on what was asked."""

    def __init__(self, config, run):
        weights = load_file(run.checkpoints / "step_000003" / "ema" / "diffusion_pytorch_model.safetensors")
        self.size = sum(float(weight.abs().sum()) for weight in weights.values())
        self.config = config

    def as_dict(self):
        figure = {"value": self.size, "low": self.size - 1, "high": self.size + 1, "floor": 0.25}
        sample = self.config.sample
        return {
            **dict.fromkeys(("kid", "fid", "inception_score", "precision", "recall"), figure),
            **{"num": 77, "features": {"name": "classifier", "accuracy": 0.5}, "sampler": sample.sampler},
            **{"steps": sample.steps, "seed": sample.seed, "backend": "statevector", "shots": None},
        }


@pytest.fixture(scope="module")
def tables():
    """The report; its cells are trained for real, but evaluated by `Evaluation`, influence by few images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell_module, "INFLUENCE_IMAGES", 4)
        patch.setattr(cell_module, "evaluate", lambda config, run, out, consent: Evaluation(config, run))
        yield


@pytest.fixture
def budget(tmp_path):
    """Writes a budget that is like `TINY` but for some keys, and returns its path."""

    def write(**changes):
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(TINY | changes))
        return str(path)

    return write


def run(*arguments):
    return CliRunner().invoke(app, ["report", "tables", *map(str, arguments)])


@pytest.fixture(scope="module")
def finished(tables, tmp_path_factory):
    """A directory of cells, never interrupted."""
    out = tmp_path_factory.mktemp("finished")
    path = out.parent / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    done = run("--budget", path, "--out", out)
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture
def copy(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def figures(out):
    """Everything in the results of the cells that does not depend on time or place."""
    found = {}
    for path in sorted(out.rglob("result.json")):
        result = json.loads(path.read_text())
        result["config"].pop("init_from")
        del result["environment"], result["seconds_per_step"]
        found[str(path.relative_to(out))] = result
    return found


def test_every_cell_leaves_its_result_and_picture(finished):
    results = figures(finished)
    assert list(results) == [f"digits/{name}/seed_3/result.json" for name in sorted(TINY["run"])]
    classical, mlp, transfer = results.values()
    assert classical["parameters"] == {"classical": 463_521, "quantum": 0}
    assert mlp["parameters"] == {"classical": transfer["parameters"]["classical"] + 4 * 87, "quantum": 0}
    assert transfer["parameters"]["quantum"] == 4 * 84
    assert transfer["circuit_change"] > 0 == mlp["circuit_change"]
    assert transfer["evaluation"]["kid"]["value"] != classical["evaluation"]["kid"]["value"]
    assert transfer["loss"]["steps"] == [1, 2, 3]
    assert transfer["final_loss"] == pytest.approx(sum(transfer["loss"]["means"]) / 3)
    for path in results:
        assert (finished / path).with_name("samples.png").read_bytes().startswith(b"\x89PNG")


def test_killed_anywhere_and_started_again_the_figures_are_the_same(
    tables, finished, budget, tmp_path, monkeypatch
):
    from qvunet.training.trainer import Trainer

    class Killed(BaseException):
        pass

    def killed_at(call, function):
        calls = iter(range(1, 100))

        def wrapped(*arguments):
            if next(calls) == call:
                raise Killed
            return function(*arguments)

        return wrapped

    variants = "classical,transfer_hqconv"
    command = ("--budget", budget(), "--out", tmp_path / "out", "--variants", variants)
    kills = [
        (Trainer, "_optimize", 3),  # after the first cell's checkpoint
        (cell_module, "_save_picture", 1),  # between a cell's evaluation and its result
        (Trainer, "_optimize", 2),  # of the transfer, before its first checkpoint
    ]
    for owner, name, call in kills:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, killed_at(call, getattr(owner, name)))
            with pytest.raises(Killed):
                run(*command)
    assert len(figures(tmp_path / "out")) == 1
    assert run(*command).exit_code == 0
    expected = figures(finished)
    del expected["digits/mlp_10/seed_3/result.json"]
    assert figures(tmp_path / "out") == expected


def test_done_cells_are_left_alone_whatever_is_only_reported(tables, copy, budget, monkeypatch):
    def fail(*arguments, **options):
        raise AssertionError

    monkeypatch.setattr(cell_module, "train", fail)
    monkeypatch.setattr(cell_module, "evaluate", fail)
    config = TINY["config"] | {"threads": 2, "train": TINY["config"]["train"] | {"log_every": 2}}
    done = run("--budget", budget(config=config), "--out", copy)
    assert done.exit_code == 0, done.output
    assert done.output.count("done before") == 3


def test_another_sampler_evaluates_again_and_trains_nothing(tables, copy, budget, monkeypatch):
    monkeypatch.setattr(cell_module, "train", None)
    config = TINY["config"] | {"sample": {"sampler": "ddim", "steps": 3}}
    done = run("--budget", budget(config=config), "--out", copy, "--variants", "mlp_10")
    assert done.exit_code == 0, done.output
    assert figures(copy)["digits/mlp_10/seed_3/result.json"]["evaluation"]["steps"] == 3


def test_a_changed_training_is_refused_before_anything_is_done(tables, copy, budget):
    config = TINY["config"] | {"train": TINY["config"]["train"] | {"learning_rate": 0.5}}
    before = figures(copy)
    (copy / "digits" / "classical" / "seed_3" / "result.json").unlink()
    done = run("--budget", budget(config=config), "--out", copy, "--variants", "classical,mlp_10")
    assert done.exit_code == 2
    for variant in ("classical", "mlp_10"):
        assert f"{variant}/seed_3: train.learning_rate" in done.output
    assert set(before) - set(figures(copy)) == {"digits/classical/seed_3/result.json"}


def test_a_cell_that_fails_is_reported_and_the_others_go_on(tables, copy, budget, monkeypatch):
    def evaluate(config, run, out, consent):
        if config.model.core == "mlp":
            raise UserError("too few images")
        return Evaluation(config, run)

    for path in copy.rglob("result.json"):
        path.unlink()
    monkeypatch.setattr(cell_module, "evaluate", evaluate)
    done = run("--budget", budget(run=["mlp_10", "classical"]), "--out", copy)
    assert done.exit_code == 1
    assert "mlp_10 seed 3: failed: too few images" in done.output
    assert list(figures(copy)) == ["digits/classical/seed_3/result.json"]
    assert "Without a result: MLPs for circuits, 10 %." in (copy / "report.md").read_text()


def test_a_transfer_waits_for_its_donor(tables, budget, tmp_path, monkeypatch):
    def fail(config, run, **options):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(cell_module, "train", fail)
    done = run("--budget", budget(), "--out", tmp_path / "out", "--variants", "transfer_hqconv")
    assert done.exit_code == 1
    assert "classical seed 3: failed" in done.output
    assert "out of memory" in done.output
    assert "classical/seed_3: not trained, and transfer_hqconv starts from it" in done.output


def test_ctrl_c(tables, budget, tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cell_module, "train", interrupted)
    done = run("--budget", budget(), "--out", tmp_path / "out")
    assert done.exit_code == 130
    assert "the same command goes on from here" in done.output


def test_the_report_needs_no_run_directory(tables, finished, budget, tmp_path):
    report = tmp_path / "results"
    (tmp_path / "results").mkdir()
    (report / "conclusion.md").write_text("It is *not* known.\n")
    path = budget()
    assert run("--budget", path, "--out", finished, "--only-report", "--report", report).exit_code == 0
    assert {file.name for file in (report / "digits").rglob("*.*")} == {"result.json", "samples.png"}
    first = (report / "report.md").read_text()
    assert run("--budget", path, "--out", report, "--only-report").exit_code == 0
    text, page = (report / "report.md").read_text(), (report / "report.html").read_text()
    assert text == first
    assert "| HQConv 10 %, by transfer |" in text
    assert "N = 77 images by ddim in 2 steps" in text
    for image in re.findall(r"!\[[^]]*\]\(([^)]*)\)", text):
        assert (report / image).read_bytes().startswith(b"\x89PNG")
    assert "It is <em>not</em> known." in page
    assert page.count("<table>") == text.count("\n|---") >= 3
    assert page.count('src="data:image/png;base64,') == page.count("<img") == 5
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def result(tables, variant, seed, kid, **changes):
    from qvunet.reports.tables.result import LossCurve, Result

    figure = {"value": kid, "low": kid - 0.1, "high": kid + 0.1, "floor": 0.01}
    values = {
        "budget": "laptop",
        "dataset": "mnist",
        "variant": variant,
        "seed": seed,
        "config": Config(seed=seed).model_dump(mode="json"),
        "environment": {"versions": {"torch": "2"}, "python": "3", "commit": None, "platform": "here"},
        "parameters": {"classical": 1234, "quantum": 5},
        "seconds_per_step": 0.5,
        "final_loss": 0.02,
        "loss": LossCurve(steps=(1, 2), means=(1.0, 0.5)),
        "circuit_change": 0.1,
        "evaluation": {
            **dict.fromkeys(("kid", "fid", "inception_score", "precision", "recall"), figure),
            **{"num": 1000, "features": {"name": "inception"}, "sampler": "dpmpp", "steps": 20, "seed": 0},
            **{"backend": "aer_shots", "shots": 512},
        },
    }
    return Result(**values | changes)


def test_the_report_compares_seed_by_seed(tables, tmp_path):
    from qvunet.reports.tables.grid import load_budget
    from qvunet.reports.tables.report import write_report

    kids = {
        ("classical", 0): 1.0, ("classical", 1): 2.0,
        ("hqconv_10", 0): 0.5, ("hqconv_10", 1): 1.75,
        ("mlp_10", 0): 0.75, ("mlp_10", 1): 1.5,
        ("fqconv_10", 1): 2.5,
    }  # fmt: skip
    for (variant, seed), kid in kids.items():
        made = result(tables, variant, seed, kid)
        (tmp_path / made.directory).mkdir(parents=True)
        made.save(tmp_path / made.directory)
        (tmp_path / made.directory / "samples.png").write_bytes(b"\x89PNG")
    markdown, _ = write_report(tmp_path, load_budget("laptop"))
    text = markdown.read_text()
    assert (
        "| HQConv 10 % | 1,234 | 5 | 9,375 | 0.5 [0.4, 0.6] | 1.75 [1.65, 1.85] | 1.12 |  |  | 0.02 | 0.1 "
        "| 0.5 |" in text
    )
    assert "HQConv 10 % | classical | -0.5 | -0.25 | -0.375 | [-1.96, +1.21] | no difference shown |" in text
    assert (
        "HQConv 10 % | MLPs for circuits, 10 % | -0.25 | +0.25 | +0 | [-3.18, +3.18] | no difference shown |"
        in text
    )
    assert "| FQConv 10 % | classical |  | +0.5 | +0.5 |  | one seed only |" in text
    assert "| *real against real* | | | | 0.01 | 0.01 | 0.01 |" in text
    assert "inception features, backend aer_shots, 512 shots" in text
    assert "QuanvU-Net (HQConv)" in text  # among those without a result


def test_the_laptop_budget_is_the_training_that_was_published_with_it(tables, tmp_path):
    """Its runs are kept for years; a change of their config would orphan them."""
    from qvunet.reports.tables.grid import load_budget, plan_cells

    files = (Path("images.gz"), Path("labels.gz"))
    cells = {
        (cell.variant, cell.seed): cell for cell in plan_cells(load_budget("laptop"), tmp_path, files=files)
    }
    common = {
        "threads": 1,
        "data": {"name": "idx", "images": "images.gz", "labels": "labels.gz", "holdout": 0.2},
        "train": {
            **{"steps": 500, "batch_size": 64, "learning_rate": 2e-3, "adam_eps": 1e-12, "ema_decay": 0.99},
            **{"checkpoint_every": 250, "keep_checkpoints": 1, "sample_every": None},
        },
        "sample": {"sampler": "dpmpp", "steps": 20},
    }
    models = {
        "classical": {},
        "hqconv_10": {"ansatz": "hqconv", "num_layers": 3, "hybridization": 0.1},
        "fqconv_50": {"ansatz": "fqconv", "num_layers": 3, "hybridization": 0.5},
        "hqconv_100": {"ansatz": "hqconv", "num_layers": 3, "hybridization": 1.0},
        "quanv": {"ansatz": "hqconv", "num_layers": 1, "hybridization": 0.1, "quanv": True},
        "mlp_10": {"ansatz": "hqconv", "num_layers": 3, "hybridization": 0.1, "core": "mlp"},
    }
    for variant, model in models.items():
        for seed in (0, 1):
            expected = Config.model_validate(common | {"seed": seed, "model": model})
            trained = cells[variant, seed].config.model_dump(exclude={"evaluate"})
            assert trained == expected.model_dump(exclude={"evaluate"}), variant
    donor = cells["transfer_fqconv", 1].config.init_from
    assert donor == tmp_path / "mnist" / "classical" / "seed_1"


@pytest.mark.parametrize("name", ["smoke", "laptop", "paper"])
def test_every_budget_plans_donors_first_and_one_directory_a_cell(tables, name, tmp_path):
    from qvunet.reports.tables.grid import load_budget, plan_cells

    budget = load_budget(name)
    cells = plan_cells(budget, tmp_path)
    assert len(cells) == len(budget.datasets) * len(budget.run) * len(budget.seeds)
    assert len({cell.run.path for cell in cells}) == len(cells)
    for position, cell in enumerate(cells):
        assert cell.donor is None or cell.donor in cells[:position]
    steps = {cell.config.train.steps for cell in cells if not cell.variant.startswith("wide")}
    assert len(steps) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--budget", "lunch"), "--budget lunch: allowed are cpu, gpu, laptop, latent, paper, smoke"),
        (("--variants", "classical,clasical"), "--variants clasical: allowed are classical, hqconv_10"),
        (("--dataset", "mnist"), "--dataset mnist: allowed are digits"),
        (("--seeds", "0,x"), "--seeds 0,x: whole numbers"),
        (("--data-images", "a.gz"), "--data-images and --data-labels: one needs the other"),
        (
            ("--budget", "paper", "--data-images", "a.gz", "--data-labels", "b.gz"),
            "choose it with --dataset: mnist, fashion_mnist",
        ),
        (("--only-report",), "no result of the budget smoke yet"),
    ],
)
def test_bad_arguments(tables, tmp_path, arguments, message):
    done = run(*arguments, "--out", tmp_path)
    assert done.exit_code == 2
    assert message in done.output


def test_bad_budgets_name_the_key(tables, budget, tmp_path):
    variants = {"twin": {"title": "twin", "donor": "nobody"}}
    for changes, message in [
        ({"run": ["classical", "quantum"]}, "variants: none is called quantum"),
        ({"variants": variants}, "variants: none is called nobody"),
        ({"seed": 3}, "seed: unknown key"),
        ({"config": {"train": {"stepz": 3}}}, "tiny, variant classical: train.stepz: unknown key"),
    ]:
        done = run("--budget", budget(**changes), "--out", tmp_path / "out")
        assert done.exit_code == 2
        assert message in done.output


def test_a_damaged_result_is_named(tables, copy, budget):
    path = copy / "digits" / "classical" / "seed_3" / "result.json"
    path.write_text(path.read_text().replace('"seed": 3', '"seed": "x"', 1))
    done = run("--budget", budget(), "--out", copy)
    assert done.exit_code == 2
    assert f"{path}: seed" in done.output


def test_loss_curves_are_kept_as_means_over_stretches(tables):
    from qvunet.reports.tables.result import LOSS_POINTS, loss_curve

    curve = loss_curve(range(1, 251), [float(step % 3) for step in range(1, 251)])
    assert len(curve.steps) == len(curve.means) <= LOSS_POINTS
    assert curve.steps[:2] == (3, 6)
    assert curve.means[:2] == (1.0, 1.0)
    assert curve.steps[-1] == 250
    assert curve.means[-1] == 1.0  # step 250 alone
