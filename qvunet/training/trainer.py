"""Training: the loop on accelerate, what it records, and how it stops and goes on."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from importlib.util import find_spec

import torch
import typer
from accelerate import Accelerator
from accelerate.utils import DistributedType, DynamoBackend
from torch import Tensor, nn
from torch.optim import Optimizer

from backends.errors import ExecutionError, UserError
from backends.layer import start_step, step_tally
from qvunet.config import Config
from qvunet.costs.hardware import Consent, approve, recording, training_plan
from qvunet.data import Dataset, load_data
from qvunet.diffusion.conditioning import grid_columns, training_labels
from qvunet.influence.quick import QuickInfluence, quick_influence
from qvunet.models.network import HybridNetwork, on_exact_engine
from qvunet.runs.checkpoint import (
    Progress,
    TrainingState,
    latest_checkpoint,
    list_checkpoints,
    restore_checkpoint,
    save_checkpoint,
)
from qvunet.runs.circuit import keep_circuit
from qvunet.runs.device import prepare_torch
from qvunet.runs.directory import RunDirectory
from qvunet.tasks import make_task
from qvunet.tools.adam import Adam
from qvunet.tools.averaging import WeightAverage
from qvunet.tools.figures import save_grid, save_loss_curve
from qvunet.tools.interrupt import Interrupt
from qvunet.tools.progress import ProgressReporter
from qvunet.training.batches import BatchSource
from qvunet.training.learning_rate import learning_rate
from qvunet.training.summary import Summary, circuit_changes, final_loss, mean_executions
from qvunet.training.transfer import apply_transfer


def train(
    config: Config, run: RunDirectory, resume: bool = False, consent: Consent | None = None
) -> Summary | None:
    """Train from a config, in a run directory.

    Args:
        config: resolved config.
        run: a new run's directory, or the run to resume.
        resume: continue from the newest checkpoint, or from the start if the run has none yet.

        consent: to jobs on hardware; by default none has been given.

    Returns:
        What the training did; None in all processes but the first, or if the user wanted no more than an
        estimate of its jobs or did not agree to it.

    Raises:
        UserError: before anything is written, if the config cannot be carried out or the directory is of
            no use; or if a checkpoint is damaged.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    accelerator = make_accelerator(config, run)
    if not accelerator.is_main_process:
        return Trainer(config, run, accelerator, load_data(config.data), resume).train()
    if resume:
        run.require_run()
    else:
        run.require_new()
    trainer = Trainer(config, run, accelerator, load_data(config.data), resume)
    if trainer.transfer is not None:
        typer.echo("\n".join(trainer.transfer.lines(trainer.state.model)))
    plan = training_plan(trainer.state.model, trainer.task, run.jobs, trainer.first_step)
    if plan is not None and accelerator.num_processes > 1:
        name = config.backend.name
        raise UserError(f"backend.name: {name} trains in one process, whose jobs one journal records")
    if not approve(plan, consent or Consent()):
        return None
    with run.locked(), recording(plan):
        return trainer.train()


def make_accelerator(config: Config, run: RunDirectory) -> Accelerator:
    """Device, precision, processes and trackers, by accelerate.

    Raises:
        UserError: if the device, a tracker or the split among processes is not possible.
    """
    if config.train.tensorboard and find_spec("tensorboard") is None:
        raise UserError("train.tensorboard: needs TensorBoard; pip install 'qvunet[tensorboard]'")
    accelerator = Accelerator(
        cpu=prepare_torch(config).type == "cpu",
        mixed_precision=config.train.mixed_precision,
        log_with="tensorboard" if config.train.tensorboard else None,
        project_dir=run.path,
    )
    if config.train.batch_size % accelerator.num_processes:
        raise UserError(
            f"train.batch_size: {config.train.batch_size} images cannot be shared equally by "
            f"{accelerator.num_processes} processes"
        )
    return accelerator


def _prepared(
    accelerator: Accelerator, net: HybridNetwork, optimizer: Optimizer
) -> tuple[nn.Module, Optimizer]:
    """Network and optimizer as accelerate wants them.

    One process on a CPU needs nothing of it, and to find that out accelerate loads torch's compiler.
    """
    alone = accelerator.distributed_type == DistributedType.NO and accelerator.device.type == "cpu"
    compiled = accelerator.state.dynamo_plugin.backend != DynamoBackend.NO
    if alone and not compiled and accelerator.mixed_precision == "no":
        return net, optimizer
    model, wrapped = accelerator.prepare(net, optimizer)
    return model, wrapped


class Trainer:
    """A network in training; each step is a function of the weights, the seed and the step's number.

    Args:
        config: resolved config.
        run: where records go.
        accelerator: from `make_accelerator`.
        dataset: training images, and those held out.
        resume: whether to go on from the run's newest checkpoint, if it has one.

    Raises:
        UserError: if the config cannot be carried out; nothing has been written then.
    """

    def __init__(
        self,
        config: Config,
        run: RunDirectory,
        accelerator: Accelerator,
        dataset: Dataset,
        resume: bool = False,
    ):
        self.config = config
        self.run = run
        self.accelerator = accelerator
        self.resumes = resume and bool(list_checkpoints(run.checkpoints))
        self.task = make_task(config, run)
        self.holdout = dataset.holdout
        self.task.prepare(dataset.train, accelerator.device)
        net = self.task.network()
        nn.Module.to(net, accelerator.device)  # torch's own, since diffusers' loads much more of diffusers
        self.transfer = apply_transfer(net, config, load=not self.resumes)
        self.circuits = net.circuit_layers()
        options = config.train
        self.state = TrainingState(
            model=net,
            ema=WeightAverage(list(net.parameters()), options.ema_decay),
            optimizer=Adam(
                [parameter for parameter in net.parameters() if parameter.requires_grad],
                lr=options.learning_rate,
                betas=options.betas,
                eps=options.adam_eps,
                fused=True,  # one kernel for all tensors: 3 ms a step in place of 11
            ),
            initial_circuits={name: layer.weight.detach().clone() for name, layer in self.circuits.items()},
            progress=Progress(),
        )
        self.model, self.optimizer = _prepared(accelerator, net, self.state.optimizer)
        self.batches = BatchSource(
            self.task.examples(dataset.train),
            options.batch_size,
            self.task.objective,
            config.seed,
            accelerator.process_index,
            accelerator.num_processes,
            accelerator.device,
            training_labels(config, dataset.train),
        )

    def train(self) -> Summary | None:
        """Run the remaining steps and draw the final grid; see `train`."""
        self._begin()
        options = self.config.train
        self.reporter = ProgressReporter(
            "training",
            total=options.steps,
            unit="images",
            units_per_item=options.batch_size,
            done=self.state.progress.step,
            quiet=not self.accelerator.is_main_process,
        )
        with self.reporter, Interrupt() as interrupt:
            while self.state.progress.step < options.steps:
                self._step()
                if interrupt.requested:
                    self.accelerator.set_trigger()
                if self.accelerator.check_trigger():  # by whichever process: all stop at the same step
                    self._save_checkpoint()
                    raise KeyboardInterrupt
        return self._finish()

    @property
    def first_step(self) -> int:
        """The step that training goes on from."""
        if not self.resumes:
            return 0
        return int(latest_checkpoint(self.run.checkpoints).name.removeprefix("step_"))

    def _begin(self) -> None:
        if self.resumes:
            restore_checkpoint(latest_checkpoint(self.run.checkpoints), self.state)
        step = self.state.progress.step
        self._require_same_step(step)
        if self.accelerator.is_main_process:
            keep_circuit(self.run, self.state.model)
            self.run.write_config(self.config)
            self.task.store()
            self.run.record_environment(self.config, step)
            self.run.rewind_metrics(step)
            if self.transfer is not None:
                self.run.record_transfer(asdict(self.transfer))
        if self.config.train.tensorboard:
            self.accelerator.init_trackers("tensorboard", init_kwargs={"tensorboard": {"purge_step": step}})

    def _require_same_step(self, step: int) -> None:
        """Only the first process writes checkpoints; the others must find them.

        Raises:
            UserError: if processes would go on from different steps.
        """
        steps = self.accelerator.gather(torch.tensor([step], device=self.accelerator.device)).tolist()
        if len(set(steps)) > 1:
            raise UserError(
                f"{self.run.path}: processes find checkpoints of different steps there, {steps}; "
                "a run on several machines needs a directory that they share"
            )

    def _step(self) -> None:
        """One step, and what falls due after it."""
        options, progress = self.config.train, self.state.progress
        started = time.monotonic()
        loss, grad_norm = self._optimize(progress.step)
        seconds = time.monotonic() - started
        step = progress.step + 1
        self.state.progress = Progress(step, progress.seconds + seconds)
        if step % options.log_every == 0:
            self._require_finite(loss)
        if self._saves_at(step):
            self._require_finite(loss, *self.state.model.parameters())
        if step % options.log_every == 0:
            self._log(loss, grad_norm, options.batch_size / seconds)
        if options.sample_every and step % options.sample_every == 0 and step < options.steps:
            self._draw_grid()
        if self._saves_at(step) and step < options.steps:
            self._save_checkpoint()

    def _saves_at(self, step: int) -> bool:
        return step % self.config.train.checkpoint_every == 0 or step == self.config.train.steps

    def _require_finite(self, loss: Tensor, *weights: Tensor) -> None:
        """Stop before weights that are no numbers reach a checkpoint.

        Raises:
            ExecutionError: if the loss or a weight is not a number; names the checkpoint to go on from.
        """
        totals = torch.stack([each.detach().sum() for each in (loss, *weights)])
        if self.accelerator.reduce(totals, "sum").isfinite().all():
            return
        rate, step = self.config.train.learning_rate, self.state.progress.step
        saved = list_checkpoints(self.run.checkpoints)
        found = f"the last good checkpoint is {saved[-1]}; go on from it with" if saved else "train anew with"
        resume = f"qvunet train --run-dir {self.run.path} --resume " if saved else ""
        raise ExecutionError(
            f"the loss at step {step} is {float(loss):g}, or weights are no numbers: {found} a learning rate "
            f"below {rate:g}, such as `{resume}--set train.learning_rate={rate / 10:g}`, or with "
            "train.max_grad_norm=1"
        )

    def _optimize(self, step: int) -> tuple[Tensor, Tensor]:
        """Update the weights; returns this process's loss and the norm of the gradient."""
        batch = self.batches.batch(step)
        start_step(self.state.model, step * self.accelerator.num_processes + self.accelerator.process_index)
        losses = self.task.objective.losses(self.model, batch.clean, batch.noise, batch.levels, batch.labels)
        loss = losses.mean()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config.train, step)
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        limit = self.config.train.max_grad_norm or math.inf
        grad_norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        self.optimizer.step()
        self.state.ema.update()
        return loss.detach(), grad_norm

    def _log(self, loss: Tensor, grad_norm: Tensor, images_per_s: float) -> None:
        """Record the step."""
        progress = self.state.progress
        metrics = {
            "loss": float(self.accelerator.reduce(loss, "mean")),
            "grad_norm": float(grad_norm),
            "lr": learning_rate(self.config.train, progress.step - 1),
            "images_per_s": round(images_per_s, 2),
            "seconds": round(progress.seconds, 3),
        }
        if self.circuits:
            metrics["circuit_grad_norm"] = self._circuit_grad_norm()
        metrics |= self._measured()
        if self.accelerator.is_main_process:
            self.run.log_metrics({"step": progress.step, **metrics})
            self.reporter.update(progress.step, f"loss {metrics['loss']:.4f}")
        self.accelerator.log(metrics, step=progress.step)

    def _measured(self) -> dict[str, int]:
        """Circuits and executions of the step, over all processes; none where values are exact."""
        tally = step_tally(self.state.model)
        if not tally.circuits:
            return {}
        counts = torch.tensor([tally.circuits, tally.executions], device=self.accelerator.device)
        circuits, executions = self.accelerator.reduce(counts, "sum").tolist()
        return {"circuits": circuits, "executions": executions}

    def _circuit_grad_norm(self) -> float:
        gradients = [layer.weight.grad for layer in self.circuits.values()]
        return math.hypot(*(float(gradient.norm()) for gradient in gradients if gradient is not None))

    def _draw_grid(self) -> None:
        if not self.accelerator.is_main_process:
            return
        path = self.run.sample_grid(self.state.progress.step)
        with self.state.ema.in_use():
            samples = self.task.draw(self.state.model)
        save_grid(samples, path, grid_columns(self.config))
        self.reporter.note(f"step {self.state.progress.step}: samples in {path}")

    def _save_checkpoint(self) -> None:
        if self.accelerator.is_main_process:
            save_checkpoint(self.run.checkpoints, self.state, self.config, self.config.train.keep_checkpoints)

    def _finish(self) -> Summary | None:
        """The last checkpoint, grid and loss curve."""
        self._save_checkpoint()
        self._draw_grid()
        self.accelerator.end_training()
        if not self.accelerator.is_main_process:
            return None
        metrics, progress = self.run.read_metrics(), self.state.progress
        save_loss_curve(
            [line["step"] for line in metrics], [line["loss"] for line in metrics], self.run.loss_curve
        )
        return Summary(
            steps=progress.step,
            seconds=progress.seconds,
            images_per_s=progress.step * self.config.train.batch_size / progress.seconds,
            final_loss=final_loss(metrics),
            circuit_changes=circuit_changes(
                self.state.initial_circuits, {name: layer.weight for name, layer in self.circuits.items()}
            ),
            samples=self.run.sample_grid(progress.step),
            checkpoint=latest_checkpoint(self.run.checkpoints),
            executions=mean_executions(metrics),
            influence=self._influence(),
        )

    def _influence(self) -> QuickInfluence | None:
        """Of the averaged weights, with the circuits on the exact engine wherever they were trained."""
        model = self.state.model
        with self.state.ema.in_use(), on_exact_engine(model):
            return quick_influence(model, self.task, self.holdout)
