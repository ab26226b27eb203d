"""Fit and evaluate: plain PyTorch, no logging library.

What happens around the loop hangs on two callbacks. Everything the loop depends on is in
`TrainingState`, so that a training that was killed goes on to the very weights it would have
had: dropout's random numbers are in it, and crops follow from seed, epoch and track alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lemons_utils import ParameterError
from recsys.dataset import Crops, Tracks, crop_loader
from recsys.inference import score_tracks
from recsys.memory import freed_memory_kept
from recsys.metrics import Evaluation, judge
from recsys.model import FCN
from recsys.trainer import Best, Trainer, TrainingState
from recsys.training_options import Options, pick_device

__all__ = [
    "Best",
    "EpochReport",
    "Evaluation",
    "Options",
    "Trainer",
    "TrainingState",
    "evaluate",
    "fit",
    "fresh_network",
    "pick_device",
]


@dataclass(frozen=True)
class EpochReport:
    """What `on_epoch` hears.

    Parameters
    ----------
    epoch : int
        Epochs trained so far.
    step : int
        Steps trained so far.
    train_loss : float
        Mean over the epoch's crops.
    lr : float
        Learning rate of the epoch's last step.
    valid : Evaluation or None
        None after an epoch that is not validated.
    is_best : bool
        Whether the network as it is now is the best so far.
    best : Best or None
        The best so far; None before the first validation.
    state : TrainingState
    """

    epoch: int
    step: int
    train_loss: float
    lr: float
    valid: Evaluation | None
    is_best: bool
    best: Best | None
    state: TrainingState


def fit(
    network: FCN,
    crops: Crops,
    valid: Tracks,
    options: Options,
    *,
    resume: TrainingState | None = None,
    on_step: Callable[[int, float], None] | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> Best:
    """Train a network on random crops, judge it by whole tracks, keep its best weights.

    Parameters
    ----------
    network : FCN
        As it shall start; ends in evaluation mode with the best weights.
    crops, valid : Crops, Tracks
        Training and validation tracks.
    options : Options
    resume : TrainingState, optional
        From a report of the same training: goes on after that epoch, to the same weights.
    on_step : callable, optional
        Called with the step (from 1) and its loss, every `log_step` steps.
    on_epoch : callable, optional
        Called after every epoch; where it raises, the training ends.

    Returns
    -------
    Best : epoch and validation numbers of the best model

    Raises
    ------
    ParameterError
        If the validation tracks all have one label, the device is not there, the loss is not
        finite any more, or `resume` comes from another training.
    """
    if len(set(valid.labels)) < 2:
        raise ParameterError(
            "validation needs listened and unheard tracks, got one kind alone: make the split "
            "from more tracks"
        )
    trainer = Trainer(network, options, _recipe(crops, valid, options))
    devices = [trainer.device] if trainer.device.type == "cuda" else []
    with freed_memory_kept(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(options.training_seed)
        if resume is not None:
            trainer.restore(resume)
        epochs = range(trainer.epoch, options.n_epochs)
        loader = crop_loader(
            crops, epochs, batch_size=options.batch_size, num_workers=options.num_workers
        )
        batches = iter(loader)
        steps = -(-len(crops) // options.batch_size)
        while not trainer.finished:
            report = _epoch(trainer, batches, steps, valid, on_step)
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
) -> EpochReport:
    options, losses, heard = trainer.options, 0.0, 0
    trainer.network.train()
    for _ in range(steps):
        waveforms, labels = next(batches)
        progress = trainer.step / (options.n_epochs * steps)
        loss = trainer.train_step(waveforms, labels, progress)
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


def evaluate(
    network: FCN,
    tracks: Tracks,
    *,
    batch_size: int = 20,
    num_workers: int = 0,
    device: torch.device | str = "cpu",
    on_batch: Callable[[int], object] | None = None,
) -> Evaluation:
    """Score whole tracks and hold the scores against their labels.

    Parameters are those of `recsys.inference.score_tracks`.

    Raises
    ------
    ParameterError
        If the tracks have no labels, or the network's weights are broken.
    """
    if not tracks.labelled:
        raise ParameterError("evaluation needs labels, the tracks have none")
    logits = score_tracks(
        network,
        tracks,
        batch_size=batch_size,
        num_workers=num_workers,
        device=device,
        on_batch=on_batch,
    )
    return judge(tracks.track_ids, tracks.labels, logits)


def fresh_network(seed: int) -> FCN:
    """Make a network whose initial weights follow from the seed; torch's own is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FCN()


def _recipe(crops: Crops, valid: Tracks, options: Options) -> dict[str, Any]:
    """Collect what decides the weights, to tell a resumed training from another one."""
    heard = [crops.track_ids, crops.labels, valid.track_ids, valid.labels]
    names = ["batch_size", "lr", "wd", "training_seed", "valid_every", "schedule", "precision"]
    if options.schedule != "constant":
        names.append("n_epochs")
    return {
        **{name: getattr(options, name) for name in names},
        "input_length": crops.input_length,
        "crop_seed": crops.seed,
        "tracks": hashlib.sha256(json.dumps(heard).encode()).hexdigest()[:16],
    }
