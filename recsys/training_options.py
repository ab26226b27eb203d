"""The options of a training, their published defaults and their allowed values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from lemons_utils import ParameterError

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda share: 1.0,
    "cosine": lambda share: (1.0 + math.cos(math.pi * share)) / 2,
}
"""Factors of the learning rate by the share of all steps, in [0, 1]; the published one is
constant."""

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""The precision of convolutions, by name; the published one is float32."""


@dataclass(frozen=True)
class Options:
    """The options of a training; those that the published system has, with its defaults.

    Parameters
    ----------
    n_epochs : int > 0
        Each trains on one crop of every track.
    batch_size : int > 0
    lr : float > 0
        Learning rate of Adam.
    wd : float >= 0
        Weight decay.
    training_seed : int >= 0
        The seed of dropout; the crops have their own.
    patience : int > 0, or None
        The number of epochs without a better model to stop after; None trains them all.
    valid_every : int > 0
        The number of epochs between validations; the last epoch is validated, too.
    log_step : int > 0
        The number of steps between calls of `on_step`.
    num_workers : int >= 0
        Processes that load crops; 0 loads in this process. It does not change the result.
    device : str
    schedule : "constant" or "cosine"
        The course of the learning rate; cosine ends at zero after `n_epochs`.
    precision : "float32" or "bfloat16"
        The precision of the convolutions, in training steps and in validation.
    compiled : bool
        Whether the steps of an FCN go through PyTorch's compiler, for a GPU; on a CPU they are
        slower.
    """

    n_epochs: int = 1000
    batch_size: int = 20
    lr: float = 1e-3
    wd: float = 1e-4
    training_seed: int = 0
    patience: int | None = None
    valid_every: int = 1
    log_step: int = 100
    num_workers: int = 0
    device: str = "cpu"
    schedule: str = "constant"
    precision: str = "float32"
    compiled: bool = False

    def __post_init__(self) -> None:
        for name in ("n_epochs", "batch_size", "lr", "valid_every", "log_step", "patience"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ParameterError(f"{name} must be greater than 0, got {value}")
        for name in ("wd", "training_seed", "num_workers"):
            if not getattr(self, name) >= 0:
                raise ParameterError(f"{name} must be 0 or greater, got {getattr(self, name)}")
        for name, known in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise ParameterError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}"
                )


def pick_device(name: str) -> torch.device:
    """Return the device of a name: "cpu", "cuda", "cuda:1" or "auto" (cuda if there is one).

    Raises
    ------
    ParameterError
        If this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(
            f"device must be cpu, cuda or auto, got {name!r}, which is not here: say device=cpu"
        ) from error
    return device
