"""Fit a network to a listener's taste: plain PyTorch, no logging library.

Everything the training loop depends on is in `TrainingState`, so that a training that was killed
ends with the weights it would have had: the state holds dropout's random numbers, and crops follow
from seed, epoch and track alone. Files and metrics are written by the callers' two callbacks.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from lemons_utils import ParameterError
from recsys.dataset import Crops, Tracks, crop_loader
from recsys.metrics import Evaluation, evaluate
from recsys.model import FCN, Network
from recsys.training_options import SCHEDULES, Options, pick_device

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # names of glibc's malloc.h
_MIB = 2**20


@dataclass(frozen=True)
class Best:
    """The epoch (from 1) of the best weights and their numbers on the validation tracks."""

    epoch: int
    loss: float
    auc: float
    map: float

    def beats(self, other: Best | None) -> bool:
        """Return whether the mean of AUC and MAP is higher; the loss breaks ties."""
        return other is None or self._rank() > other._rank()

    def _rank(self) -> tuple[float, float]:
        return self.auc + self.map, -self.loss


@dataclass(frozen=True)
class TrainingState:
    """A copy of all that a training depends on: tensors, and facts that JSON can hold."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


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
    if len(set(valid.labels)) < 2:
        raise ParameterError(
            "validation needs listened and unheard tracks, got one kind alone: make the split "
            "from more tracks"
        )
    trainer = Trainer(network, options, _recipe(crops, valid, options, start))
    devices = [trainer.device] if trainer.device.type == "cuda" else []
    with _freed_memory_kept(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(options.training_seed)
        if resume is not None:
            trainer.restore(resume)
        elif start:
            trainer.validate(valid)
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
        loss = trainer.train_step(waveforms, labels, trainer.step / (options.n_epochs * steps))
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


class Trainer:
    """A network in training, its optimiser and the count of epochs and steps."""

    def __init__(self, network: Network, options: Options, recipe: dict[str, Any]) -> None:
        self.device = pick_device(options.device)
        self.network, self.options, self.recipe = network.to(self.device), options, recipe
        self._learning = {
            name: each for name, each in network.named_parameters() if each.requires_grad
        }
        self.optimizer = torch.optim.Adam(
            self._learning.values(), lr=options.lr, weight_decay=options.wd
        )
        self.epoch = self.step = 0
        self.best: Best | None = None
        self.best_weights: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        """Whether all epochs are trained, or `patience` epochs brought no better weights."""
        patience, best = self.options.patience, self.best
        if patience is not None and best and self.epoch - best.epoch >= patience:
            return True
        return self.epoch >= self.options.n_epochs

    def train_step(self, waveforms: Tensor, labels: Tensor, share: float = 0.0) -> float:
        """Train on one batch, at a share of all steps in [0, 1]; return its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.lr * SCHEDULES[self.options.schedule](share)
        half = self.options.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half):
            logits = self.network(waveforms.to(self.device))[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits.float(), labels.to(self.device)
        )
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.step += 1
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ParameterError(
                f"the loss became {value} in step {self.step:,}: train again with a smaller lr "
                f"(now {self.options.lr:g})"
            )
        return value

    def validate(self, tracks: Tracks) -> tuple[Evaluation, bool]:
        """Evaluate whole tracks; keep the weights if they are the best so far."""
        valid = evaluate(
            self.network,
            tracks,
            batch_size=self.options.batch_size,
            num_workers=self.options.num_workers,
            device=self.device,
            precision=self.options.precision,
        )
        now = Best(self.epoch, **valid.numbers())
        if is_best := now.beats(self.best):
            self.best, self.best_weights = now, _copied(self.network.state_dict())
        return valid, is_best

    def state(self) -> TrainingState:
        """Return a copy of all that the training depends on."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self._learning.items():
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"optimizer.{key}.{name}"] = value
        tensors |= {f"best.{name}": value for name, value in self.best_weights.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        facts = {
            "epoch": self.epoch,
            "step": self.step,
            "best": asdict(self.best) if self.best else None,
            "recipe": self.recipe,
        }
        return TrainingState(_copied(tensors), facts)

    def restore(self, state: TrainingState) -> None:
        """Restore a saved state; raise `ParameterError` if it is of another training."""
        saved = state.facts["recipe"]
        if changed := [name for name in self.recipe if saved.get(name) != self.recipe[name]]:
            differences = ", ".join(
                f"{name} was {saved.get(name)}, is {self.recipe[name]}" for name in changed
            )
            raise ParameterError(
                f"the saved state belongs to another training ({differences}): "
                "resume with the same options and split, or start a new one"
            )
        self.epoch, self.step = state.facts["epoch"], state.facts["step"]
        self.best = Best(**state.facts["best"]) if state.facts["best"] else None
        self.best_weights = _part(state, "best.")
        self.network.load_state_dict(_part(state, "network."))
        for name, parameter in self._learning.items():
            self.optimizer.state[parameter] = {
                "step": state.tensors[f"optimizer.step.{name}"].clone(),
                # Copied into the parameter's own memory layout, which files do not keep.
                **{
                    key: torch.empty_like(parameter).copy_(state.tensors[f"optimizer.{key}.{name}"])
                    for key in ("exp_avg", "exp_avg_sq")
                },
            }
        torch.set_rng_state(state.tensors["random.cpu"])
        if self.device.type == "cuda" and "random.cuda" in state.tensors:
            torch.cuda.set_rng_state(state.tensors["random.cuda"], self.device)


def _copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone().cpu() for name, tensor in tensors.items()}


def _part(state: TrainingState, prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.tensors.items()
        if name.startswith(prefix)
    }


@contextlib.contextmanager
def _freed_memory_kept() -> Iterator[None]:
    """Keep the memory of freed tensors for the next ones within this context.

    Without it, glibc asks the kernel for every tensor beyond 32 MiB, page by page, and returns
    it when the tensor is freed: a quarter of a training step. The memory is returned at the end.
    With another C library, nothing changes.
    """
    try:
        library = ctypes.CDLL(None)
        mallopt, malloc_trim = library.mallopt, library.malloc_trim
    except (OSError, TypeError, AttributeError):
        yield
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        mallopt(_MMAP_MAX, 65_536)
        mallopt(_MMAP_THRESHOLD, 32 * _MIB)  # where glibc's own adaption ends
        mallopt(_TRIM_THRESHOLD, 64 * _MIB)
        malloc_trim(0)
