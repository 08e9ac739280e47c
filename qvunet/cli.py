"""The command line. Heavy packages are imported inside the commands, so that `--help` is quick."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup

from backends.errors import ExecutionError, UserError
from qvunet.tools.failures import failure_of_machine

if TYPE_CHECKING:
    from backends.options import IbmRuntimeOptions

EXIT_FAILURE = 1
"""A failure while running."""

EXIT_USER_ERROR = 2
"""A bad argument, config, file or credential."""

EXIT_INTERRUPTED = 130
"""Ctrl-C."""


class _Commands(TyperGroup):
    """Turns the errors that are the user's to mend, and Ctrl-C, into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(EXIT_USER_ERROR) from None
        except ExecutionError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(EXIT_FAILURE) from None
        except Exception as error:
            if (message := failure_of_machine(error)) is None:
                raise
            typer.echo(f"error: {message}", err=True)
            raise typer.Exit(EXIT_FAILURE) from None
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Hybrid quantum-classical image diffusion.",
)

CONFIG_HELP = "YAML config, or the name of a packaged experiment: see `qvunet configs`."
BackendOption = Annotated[
    str | None,
    typer.Option("--backend", metavar="NAME", help="Run the circuits here: replaces the config's backend."),
]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a config key, e.g. train.steps=100. Repeatable."),
]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Submit jobs to hardware without asking, once their cost is shown.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what jobs would cost, and stop.")]

WorkersOption = Annotated[
    int, typer.Option("--workers", metavar="N", help="Pieces done at a time, a process each.")
]
SchedulerOption = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster, whose workers do that instead."),
]


@app.callback()
def _commands() -> None:
    """Without a callback typer would take a single command for the whole program."""


@app.command()
def train(
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE|NAME", help=CONFIG_HELP)] = None,
    backend: BackendOption = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            "--run-dir", metavar="DIR", help="Where the run goes; runs/<name of the config> if not given."
        ),
    ] = None,
    overrides: SetOption = [],  # noqa: B006 (typer copies it)
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in the directory, with the config saved there.")
    ] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Train a network and draw samples from it."""
    from qvunet.config import RESUME_KEYS, changed_keys, load_changed, load_config
    from qvunet.runs.directory import RunDirectory

    if run_dir is None and config is not None:
        run_dir = Path("runs") / config.stem
    if resume and run_dir is not None:
        run = RunDirectory(run_dir)
        run.require_run()
        resolved = load_changed(run.config_file, overrides, backend, RESUME_KEYS)
        if config is not None:
            _note_ignored(config, changed_keys(load_config(config, overrides, backend), resolved))
    elif config is not None and run_dir is not None:
        run = RunDirectory(run_dir)
        resolved = load_config(config, overrides, backend)
    else:
        raise UserError("--config FILE: needed, unless --resume and --run-dir say which run goes on")

    from qvunet.costs.hardware import Consent
    from qvunet.training.trainer import train

    summary = train(resolved, run, resume, Consent(yes, dry_run))
    if summary is not None:
        typer.echo("\n".join(summary.lines()))


def _note_ignored(config: Path, keys: list[str]) -> None:
    """Say where a resumed run does not follow the config file on the command line."""
    if keys:
        typer.echo(f"note: the run's own config rules, not {config}, in {', '.join(keys)}", err=True)


@app.command()
def sample(
    run_dir: Annotated[Path, typer.Option("--run", metavar="DIR", help="A run that `qvunet train` made.")],
    backend: BackendOption = None,
    num: Annotated[int | None, typer.Option("--num", metavar="N", help="Images; sets sample.num.")] = None,
    sampler: Annotated[
        str | None,
        typer.Option("--sampler", metavar="NAME", help="ddpm, ddim or dpmpp; sets sample.sampler."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="K", help="Denoising steps; sets sample.steps.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="S", help="Sets sample.seed.")] = None,
    overrides: SetOption = [],  # noqa: B006 (typer copies it)
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where the images go; in the run's samples/ if not given."),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle",
            metavar="FILE",
            help="On hardware: also one zip by which others can check the images: see `qvunet bundle`.",
        ),
    ] = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Draw images from a trained run."""
    from qvunet.config import SAMPLE_KEYS, load_changed
    from qvunet.runs.named import open_run

    run = open_run(run_dir)
    options = {"num": num, "sampler": sampler, "steps": steps, "seed": seed}
    given = [f"sample.{key}={value}" for key, value in options.items() if value is not None]
    config = load_changed(run.config_file, [*given, *overrides], backend, SAMPLE_KEYS)

    from qvunet.costs.hardware import Consent
    from qvunet.generation.generate import generate

    grid = generate(config, run, out, Consent(yes, dry_run), bundle)
    if grid is not None:
        typer.echo(f"samples      {grid}")
        if bundle is not None:
            typer.echo(f"bundle       {bundle}")


@app.command()
def jobs(
    run_dir: Annotated[Path, typer.Option("--run", metavar="DIR", help="A run that `qvunet train` made.")],
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Ask the service, and store what is finished.")
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel what has not ended; with --fetch, after that.")
    ] = False,
    overrides: SetOption = [],  # noqa: B006 (typer copies it)
) -> None:
    """List the jobs that a run has submitted to hardware, from its files alone unless asked for more."""
    from qvunet.config import JOBS_KEYS, load_changed
    from qvunet.costs.submitted import follow_up, job_lines, journals
    from qvunet.runs.directory import RunDirectory

    run = RunDirectory(run_dir)
    run.require_run()
    config = load_changed(run.config_file, overrides, "ibm_runtime", JOBS_KEYS)
    found = journals(run)
    follow_up(found, cast("IbmRuntimeOptions", config.backend), fetch, cancel)
    typer.echo("\n".join(job_lines(found)))


@app.command()
def evaluate(
    run_dir: Annotated[Path, typer.Option("--run", metavar="DIR", help="A run that `qvunet train` made.")],
    backend: BackendOption = None,
    num: Annotated[
        int | None,
        typer.Option("--num", metavar="N", help="Images drawn, and held-out ones; sets evaluate.num."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option("--features", metavar="NAME", help="classifier or inception; sets evaluate.features."),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option("--sampler", metavar="NAME", help="ddpm, ddim or dpmpp; sets evaluate.sampler."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="K", help="Denoising steps; sets evaluate.steps.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="S", help="Sets evaluate.seed.")] = None,
    overrides: SetOption = [],  # noqa: B006 (typer copies it)
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="JSON; in the run's evaluation/ if not given."),
    ] = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Compare images of a trained run with held-out real ones."""
    from qvunet.config import EVALUATE_KEYS, load_changed
    from qvunet.runs.named import open_run

    run = open_run(run_dir)
    options = {"num": num, "features": features, "sampler": sampler, "steps": steps, "seed": seed}
    given = [f"evaluate.{key}={value}" for key, value in options.items() if value is not None]
    config = load_changed(run.config_file, [*given, *overrides], backend, EVALUATE_KEYS)

    from qvunet.costs.hardware import Consent
    from qvunet.evaluation import evaluate
    from qvunet.tools.workers import Workers

    evaluation = evaluate(config, run, out, Consent(yes, dry_run), Workers(workers, scheduler))
    if evaluation is not None:
        typer.echo("\n".join(evaluation.lines()))


@app.command()
def ablate(
    run_dir: Annotated[Path, typer.Option("--run", metavar="DIR", help="A run that `qvunet train` made.")],
    kinds: Annotated[
        str | None,
        typer.Option(
            "--kinds",
            metavar="A,B",
            help="What replaces the circuits' outputs: zero, mean, shuffled, random, encoding, "
            "no_entanglers, cosine; all if not given.",
        ),
    ] = None,
    num: Annotated[
        int | None, typer.Option("--num", metavar="N", help="Held-out images, 100 if not given.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Of noise and noise levels.")] = 0,
    kid: Annotated[
        int | None,
        typer.Option("--kid", metavar="N", help="Also draw N images with each kind and compare KID."),
    ] = None,
    backend: BackendOption = None,
    overrides: SetOption = [],  # noqa: B006 (typer copies it)
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where the files go; in the run's influence/ if not given."
        ),
    ] = None,
    workers: WorkersOption = 1,
    scheduler: SchedulerOption = None,
) -> None:
    """Measure how much the circuits of a trained run matter."""
    from qvunet.config import ABLATE_KEYS, load_changed
    from qvunet.runs.named import open_run

    run = open_run(run_dir)
    config = load_changed(run.config_file, overrides, backend, ABLATE_KEYS)

    from qvunet.influence.ablate import ablate
    from qvunet.influence.ablations import KINDS
    from qvunet.tools.workers import Workers

    chosen = KINDS if kinds is None else [kind.strip() for kind in kinds.split(",")]
    influence = ablate(config, run, chosen, num, seed, out, kid, Workers(workers, scheduler))
    typer.echo("\n".join(influence.lines()))


@app.command()
def describe(
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE|NAME", help=CONFIG_HELP)] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="A run instead: its config, and its trained weights."),
    ] = None,
    diagnostics: Annotated[
        bool,
        typer.Option(
            "--diagnostics",
            help="Also gradients, spectra, expressibility, light cones and simulation of the circuits: "
            "about half a minute.",
        ),
    ] = False,
    backend: BackendOption = None,
    overrides: SetOption = [],  # noqa: B006 (typer copies it)
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where files go; in runs/describe/, or the run's description/, if not given.",
        ),
    ] = None,
) -> None:
    """Show a network's blocks and circuits, what they ask of each backend, and draw them."""
    if (config is None) == (run_dir is None):
        raise UserError("--config FILE or --run DIR: one of them is needed, and only one")
    from qvunet.config import SAMPLE_KEYS, load_changed, load_config
    from qvunet.runs.named import open_run

    run = None if run_dir is None else open_run(run_dir)
    if run is not None:
        resolved = load_changed(run.config_file, overrides, backend, SAMPLE_KEYS)
        name, directory = run.path.resolve().name, out or run.path / "description"
    else:
        assert config is not None
        resolved = load_config(config, overrides, backend)
        name, directory = config.stem, out or Path("runs") / "describe" / config.stem

    from qvunet.description import build_network, describe_model, print_description, save_network

    model = build_network(resolved, run)
    description = describe_model(model)
    print_description(description, resolved)
    if diagnostics:
        from qvunet.diagnostics import diagnose, print_diagnostics, save_diagnostics, write_diagnostics

        found = diagnose(model)
        if not found:
            raise UserError(f"--diagnostics: {name} holds no circuits")
        print_diagnostics(found)
        weights = "initial" if run is None else "trained"
        write_diagnostics(found, weights, directory / "diagnostics.json")
        save_diagnostics(found, f"{name}: circuits, {weights} weights", directory / "diagnostics.png")
        typer.echo(f"diagnostics  {directory / 'diagnostics.png'}")
    picture = directory / "network.png"
    save_network(description, name, picture)
    typer.echo(f"picture      {picture}")


@app.command()
def configs(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", show_default=False, help="Print this one.")
    ] = None,
) -> None:
    """List the packaged experiments, whose names `--config` takes, or print one."""
    from qvunet.config.packaged import experiment_file, experiment_names, summary

    if name is not None:
        typer.echo(experiment_file(name).read_text(encoding="utf-8"), nl=False)
        return
    names = experiment_names()
    width = max(map(len, names))
    typer.echo("\n".join(f"{each:<{width}}  {summary(each)}" for each in names))


@app.command()
def models() -> None:
    """List the trained networks that come with the package: names for `--run` and `from_pretrained`."""
    from qvunet.weights.finding import weights_names, weights_summary

    names = weights_names()
    width = max(map(len, names), default=0)
    typer.echo("\n".join(f"{each:<{width}}  {weights_summary(each)}" for each in names))


@app.command()
def card(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", show_default=False, help="Print the card of this one.")
    ] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            "--run",
            metavar="DIR",
            help="Pack this run, once evaluated and ablated, as a folder of weights with its card.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where that folder goes, under the run's own name.")
    ] = Path("weights"),
) -> None:
    """Print the card of a trained network, or make one of a run."""
    if (name is None) == (run_dir is None):
        raise UserError("NAME or --run DIR: one of them is needed, and only one")
    if name is not None:
        from qvunet.weights.finding import CARD, weights_folder

        typer.echo((weights_folder(name) / CARD).read_text(encoding="utf-8"), nl=False)
        return
    assert run_dir is not None
    from qvunet.cards.packing import pack
    from qvunet.runs.directory import RunDirectory

    run = RunDirectory(run_dir)
    run.require_run()
    typer.echo(f"card         {pack(run, out) / 'README.md'}")


bundles = typer.Typer(no_args_is_help=True, help="Drawings on hardware, as files that others can check.")
app.add_typer(bundles, name="bundle")


@bundles.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `qvunet sample --bundle` wrote.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to draw the picture and the exact one."),
    ] = None,
) -> None:
    """Check a bundle without network or account: digests, circuits, answers, and the picture drawn again."""
    from qvunet.bundles.verifying import verify

    typer.echo("\n".join(verify(file, out).lines()))
    if out is not None:
        typer.echo(f"pictures     {out / 'side_by_side.png'}")


reports = typer.Typer(no_args_is_help=True, help="Studies that end in a page.")
app.add_typer(reports, name="report")

REPORTS = {
    "depth": "What the circuits cost on a chip: gates, depth, duration, estimated success.",
    "shots": "What shots do to layers, predicted noise, gradients, training and images.",
    "tables": "A grid of networks trained and evaluated: dataset x variant x seed.",
    "mitigation": "What error mitigation does for pictures, against its QPU seconds.",
    "prices": "What a network's work costs on IBM hardware, in QPU seconds.",
    "benchmark": "qvunet against its peers and against itself.",
    "search": "Problems made for circuits, and whether circuits beat their controls there.",
}
"""Each is a folder of `qvunet.reports`."""


def _add_report(name: str, summary: str) -> None:
    @reports.command(
        name,
        help=summary,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def report(context: typer.Context) -> None:
        command = import_module(f"qvunet.reports.{name}.command")
        raise typer.Exit(command.main(context.args))


for _name, _summary in REPORTS.items():
    _add_report(_name, _summary)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script.

    Args:
        arguments: those of the command line if not given.
    """
    app(arguments)
