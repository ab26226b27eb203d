"""Train a network epoch by epoch: plain PyTorch, no logging library.

Everything the training loop depends on is in `TrainingState`, so that a training that was killed
ends with the weights it would have had: the state holds dropout's random numbers, and crops follow
from seed, epoch and track alone. Files and metrics are written by the callers' two callbacks.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lemons_processes import freed_memory_kept
from lemons_utils import ParameterError
from recsys.dataset import Crops, Tracks, crop_loader
from recsys.metrics import Evaluation
from recsys.model import FCN, Network
from recsys.training.trainer import Best, Step, Trainer, TrainingState
from recsys.training_options import Options


@dataclass(frozen=True)
class EpochReport:
    """The results of an epoch and the state of the training after it."""

    epoch: int  # trained so far, as the steps
    step: int
    train_loss: float  # mean over the epoch's crops
    lr: float  # of the epoch's last step
    valid: Evaluation | None  # None after an epoch that is not validated
    is_best: bool  # whether the network as it is now is the best so far
    best: Best | None  # None before the first validation
    state: TrainingState


Course = Generator[Step, float, Best]
"""A training that yields its steps, to be sent their losses, and returns the best epoch."""


def fit(
    network: Network,
    crops: Crops,
    valid: Tracks,
    options: Options,
    *,
    start: str = "",
    resume: TrainingState | None = None,
    on_step: Callable[[int, float], None] | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> Best:
    """Train a network on random crops, validate it on whole tracks, keep its best weights.

    Parameters
    ----------
    network : Network
        Initialised; it ends in evaluation mode with the best weights.
    crops, valid : Crops, Tracks
        Training and validation tracks.
    options : Options
    start : str, optional
        The name of the weights that the network is given with, where they are a model already:
        then they are the best ones, of epoch 0, unless an epoch brings better ones.
    resume : TrainingState, optional
        From a report of the same training, which goes on after that epoch to the same weights.
    on_step : callable, optional
        Called with the step (from 1) and its loss, every `log_step` steps.
    on_epoch : callable, optional
        Called after every epoch; an error that it raises ends the training.

    Returns
    -------
    Best, the epoch and the validation numbers of the best weights

    Raises
    ------
    ParameterError
        If the validation tracks all have one label, the device is missing, the loss is not
        finite, or `resume` comes from another training.
    """
    return run(
        course(
            network,
            crops,
            valid,
            options,
            start=start,
            resume=resume,
            on_step=on_step,
            on_epoch=on_epoch,
        )
    )


def run(steps: Course) -> Best:
    """Take every step of a training by itself; return its best epoch."""
    with freed_memory_kept():
        try:
            step = next(steps)
            while True:
                step = steps.send(step.trainer.train_step(step))
        except StopIteration as end:
            best: Best = end.value
            return best


def course(
    network: Network,
    crops: Crops,
    valid: Tracks,
    options: Options,
    *,
    start: str = "",
    resume: TrainingState | None = None,
    on_step: Callable[[int, float], None] | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> Course:
    """Do all that `fit` does but the steps, which are yielded to whoever takes them.

    Parameters, result and errors are those of `fit`.
    """
    if len(set(valid.labels)) < 2:
        raise ParameterError(
            "validation needs listened and unheard tracks, got one kind alone: make the split "
            "from more tracks"
        )
    trainer = Trainer(network, options, _recipe(crops, valid, options, start))
    if resume is not None:
        trainer.restore(resume)
    elif start:
        trainer.validate(valid)
    loader = crop_loader(
        crops,
        range(trainer.epoch, options.n_epochs),
        batch_size=options.batch_size,
        num_workers=options.num_workers,
    )
    batches = iter(loader)
    steps = -(-len(crops) // options.batch_size)
    while not trainer.finished:
        report = yield from _epoch(trainer, batches, steps, valid, on_step)
        if on_epoch is not None:
            on_epoch(report)
    if trainer.best is None:
        raise ParameterError("nothing was trained: n_epochs must exceed the epochs of the state")
    network.load_state_dict(trainer.best_weights)
    network.eval()
    return trainer.best


def _epoch(
    trainer: Trainer,
    batches: Iterator[tuple[Tensor, Tensor]],
    steps: int,
    valid: Tracks,
    on_step: Callable[[int, float], None] | None,
) -> Generator[Step, float, EpochReport]:
    options, losses, heard = trainer.options, 0.0, 0
    trainer.network.train()
    for _ in range(steps):
        waveforms, labels = next(batches)
        loss = yield Step(trainer, waveforms, labels, trainer.step / (options.n_epochs * steps))
        if not math.isfinite(loss):
            raise ParameterError(
                f"the loss became {loss} in step {trainer.step:,}: train again with a smaller lr "
                f"(now {options.lr:g})"
            )
        losses, heard = losses + loss * len(labels), heard + len(labels)
        if on_step is not None and trainer.step % options.log_step == 0:
            on_step(trainer.step, loss)
    trainer.epoch += 1
    evaluation, is_best = None, False
    if trainer.epoch % options.valid_every == 0 or trainer.epoch == options.n_epochs:
        evaluation, is_best = trainer.validate(valid)
    return EpochReport(
        epoch=trainer.epoch,
        step=trainer.step,
        train_loss=losses / heard,
        lr=trainer.optimizer.param_groups[0]["lr"],
        valid=evaluation,
        is_best=is_best,
        best=trainer.best,
        state=trainer.state(),
    )


def fresh_network(seed: int) -> FCN:
    """Return a network with initial weights drawn from a seed; torch's own state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FCN()


def _recipe(crops: Crops, valid: Tracks, options: Options, start: str) -> dict[str, Any]:
    """Return what decides the weights; a training resumes only with an equal recipe."""
    heard = [crops.track_ids, crops.labels, valid.track_ids, valid.labels]
    names = ["batch_size", "lr", "wd", "training_seed", "valid_every", "schedule", "precision"]
    if options.schedule != "constant":
        names.append("n_epochs")
    return {
        **({"start": start} if start else {}),
        **{name: getattr(options, name) for name in names},
        "input_length": crops.input_length,
        "crop_seed": crops.seed,
        "tracks": hashlib.sha256(json.dumps(heard).encode()).hexdigest()[:16],
    }
