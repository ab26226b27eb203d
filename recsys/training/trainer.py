"""A network in training: its steps, its validation, and its state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from lemons_utils import ParameterError
from recsys.dataset import Tracks
from recsys.metrics import Evaluation, evaluate
from recsys.model import FCN, Network
from recsys.training.joined import training_logits
from recsys.training_options import SCHEDULES, Options, pick_device


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
class Step:
    """A training step to take: a batch of crops, and the share of all steps that lie before it."""

    trainer: Trainer
    waveforms: Tensor  # [batch, samples]
    labels: Tensor  # [batch], 0 or 1
    share: float  # in [0, 1]


FUSED = frozenset({"cuda"})
"""Types of devices on which Adam is one operation for all weights; on a CPU that gains nothing."""


class Trainer:
    """A network in training, its optimiser and the count of epochs and steps."""

    def __init__(self, network: Network, options: Options, recipe: dict[str, Any]) -> None:
        if options.compiled and not isinstance(network, FCN):
            raise ParameterError(
                f"only an FCN's steps are compiled, not {type(network).__name__}'s: leave it out"
            )
        self.device = pick_device(options.device)
        self.network, self.options, self.recipe = network.to(self.device), options, recipe
        self._learning = {
            name: each for name, each in network.named_parameters() if each.requires_grad
        }
        self._fused = self.device.type in FUSED
        self.optimizer = torch.optim.Adam(
            self._learning.values(),
            lr=options.lr,
            weight_decay=options.wd,
            fused=self._fused or None,
        )
        self._random = _seeded(options.training_seed, self.device)
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

    def train_step(self, step: Step) -> float:
        """Take a step by itself; return its loss."""
        if self.options.compiled:
            return take([step])[0]
        with self.random_numbers(), self.precision():
            logits = self.network(step.waveforms.to(self.device))
        return descend([step], logits.T)[0]

    def precision(self) -> torch.autocast:
        """Return the context of training steps in the precision of the options."""
        half = self.options.precision == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half)

    @contextlib.contextmanager
    def random_numbers(self) -> Iterator[None]:
        """Draw PyTorch's random numbers from this training's stream within this context."""
        outer = _random_state(self.device)
        _set_random_state(self.device, self._random)
        try:
            yield
        finally:
            self._random = _random_state(self.device)
            _set_random_state(self.device, outer)

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
        tensors |= self._random
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
        steps_on = self.device if self._fused else "cpu"
        for name, parameter in self._learning.items():
            self.optimizer.state[parameter] = {
                "step": state.tensors[f"optimizer.step.{name}"].to(steps_on, copy=True),
                # Copied into the parameter's own memory layout, which files do not keep.
                **{
                    key: torch.empty_like(parameter).copy_(state.tensors[f"optimizer.{key}.{name}"])
                    for key in ("exp_avg", "exp_avg_sq")
                },
            }
        self._random |= {
            name: state.tensors[name] for name in self._random if name in state.tensors
        }


def take(steps: Sequence[Step]) -> list[float]:
    """Take steps of several trainings together; return their losses.

    The steps are of one device and one precision, with as many crops of the same length each, and
    compiled all or none.
    """
    trainers = [step.trainer for step in steps]
    networks = [trainer.network for trainer in trainers if isinstance(trainer.network, FCN)]
    waveforms = torch.stack([step.waveforms.to(trainers[0].device) for step in steps])
    with trainers[0].precision():
        numbers = [trainer.random_numbers() for trainer in trainers]
        compiled = trainers[0].options.compiled
        logits = training_logits(networks, waveforms, numbers, compiled=compiled)
    return descend(steps, logits)


def descend(steps: Sequence[Step], logits: Tensor) -> list[float]:
    """Step down the loss of every training's logits, [trainings, batch]; return the losses."""
    losses = [
        torch.nn.functional.binary_cross_entropy_with_logits(
            each.float(), step.labels.to(step.trainer.device)
        )
        for step, each in zip(steps, logits, strict=True)
    ]
    for step in steps:
        step.trainer.optimizer.zero_grad()
    torch.autograd.backward(losses)
    for step in steps:
        options, optimizer = step.trainer.options, step.trainer.optimizer
        for group in optimizer.param_groups:
            group["lr"] = options.lr * SCHEDULES[options.schedule](step.share)
        optimizer.step()
        step.trainer.step += 1
    values: list[float] = torch.stack(losses).detach().tolist()
    return values


def _seeded(seed: int, device: torch.device) -> dict[str, Tensor]:
    """Return the state of PyTorch's random numbers after a seed."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        return _random_state(device)


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["random.cuda"] = torch.cuda.get_rng_state(device)
    return state


def _set_random_state(device: torch.device, state: dict[str, Tensor]) -> None:
    torch.set_rng_state(state["random.cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["random.cuda"], device)


def _copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone().cpu() for name, tensor in tensors.items()}


def _part(state: TrainingState, prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.tensors.items()
        if name.startswith(prefix)
    }
