"""A network in training: one step, one validation, and everything needed to go on later."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from lemons_utils import ParameterError
from recsys.dataset import Tracks
from recsys.inference import score_tracks
from recsys.metrics import Evaluation, judge
from recsys.model import FCN
from recsys.training_options import SCHEDULES, Options, pick_device


@dataclass(frozen=True)
class Best:
    """The best model so far: its epoch (from 1) and its numbers on the validation tracks."""

    epoch: int
    loss: float
    auc: float
    map: float

    def beats(self, other: Best | None) -> bool:
        """Whether the mean of AUC and MAP is higher; the loss breaks ties."""
        return other is None or (self.auc + self.map, -self.loss) > (
            other.auc + other.map,
            -other.loss,
        )


@dataclass(frozen=True)
class TrainingState:
    """Everything a training needs to go on, copied: tensors, and facts that JSON can hold."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


class Trainer:
    """A network, its optimiser and how far they have come."""

    def __init__(self, network: FCN, options: Options, recipe: dict[str, Any]) -> None:
        self.device = pick_device(options.device)
        self.network, self.options, self.recipe = network.to(self.device), options, recipe
        self.optimizer = torch.optim.Adam(
            network.parameters(), lr=options.lr, weight_decay=options.wd
        )
        self.epoch = self.step = 0
        self.best: Best | None = None
        self.best_weights: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        """Whether all epochs are trained, or patience has run out."""
        patience, best = self.options.patience, self.best
        tired = patience is not None and best and self.epoch - best.epoch >= patience
        return self.epoch >= self.options.n_epochs or bool(tired)

    def train_step(self, waveforms: Tensor, labels: Tensor, progress: float = 0.0) -> float:
        """Learn from one batch; return its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.lr * SCHEDULES[self.options.schedule](progress)
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
        options = self.options
        logits = score_tracks(
            self.network,
            tracks,
            batch_size=options.batch_size,
            num_workers=options.num_workers,
            device=self.device,
        )
        valid = judge(tracks.track_ids, tracks.labels, logits)
        now = Best(self.epoch, **valid.numbers())
        if is_best := now.beats(self.best):
            self.best, self.best_weights = now, _copied(self.network.state_dict())
        return valid, is_best

    def state(self) -> TrainingState:
        """Copy all that the training depends on."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
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
        """Become what was saved."""
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
        for name, parameter in self.network.named_parameters():
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
