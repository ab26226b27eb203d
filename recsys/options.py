"""Command options: what they mean, their types, and the path of a listener's split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lemons_utils import DataError, ParameterError
from recsys import listening
from recsys.catalogue import Catalogue

TRAINING = {
    "user_name": "the listener",
    "catalogue": "the tracks",
    "recipe": "`published`, or `lemons`, which `make demo` uses; the options from `input_length` "
    "to `device` belong to `published` and to `finetune_epochs`",
    "trunk": "the trunk that a head of `lemons` is fitted on, by default the catalogue's own; "
    "naming one means `recipe=lemons`",
    "choose_strength": "choose the strength of a head's ridge by cross-validation, of `lemons`",
    "finetune_epochs": "epochs that go on from a head, in which its convolution learns, too; then "
    "`lr` is 1e-4 and `input_length` 160000, unless they are given",
    "split_seed": "the split of the tracks into train, valid and test",
    "input_length": "samples of a training crop: one second",
    "batch_size": "crops of a training step",
    "n_epochs": "epochs of one random crop of every track",
    "patience": "epochs without a better model after which training stops; None: never",
    "valid_every": "epochs between validations on whole tracks; the network before its first epoch "
    "is epoch 0",
    "lr": "learning rate of Adam",
    "wd": "weight decay of Adam",
    "schedule": "course of the learning rate: `constant` or `cosine`",
    "precision": "precision of convolutions, in validation too: `float32` or `bfloat16`",
    "compiled": "let PyTorch's compiler make the operations of the network's blocks into few, on a "
    "GPU into CUDA graphs; slower on a CPU; of `published` alone",
    "training_seed": "initial weights, crops, dropout",
    "model_load_path": "weights to start from",
    "device": "`cpu`, `cuda`, `cuda:1` or `auto`",
    "num_workers": "processes that load crops; 0: none but this one",
    "log_step": "steps between logged losses",
    "use_tensorboard": "log to TensorBoard as well",
    "resume": "`True`, or a folder: continue a stopped training, with the same resulting weights "
    "and all of its metrics",
    "use": "make the experiment current, however good its model is",
}
"""The options of `recsys.experiment`."""

EVALUATION = {
    "user_name": "the listener, or `all`: a table of all with mean and standard deviation",
    "catalogue": "the tracks that the model was trained on",
    "split_seed": "the split, whose test part is evaluated",
    "model_load_path": "weights or an experiment, by default the listener's current one",
    "test_catalogue": "a labelled catalogue to evaluate on instead of the test part",
    "baseline": "evaluate logistic regression on band statistics and on mean spectra as well",
    "batch_size": "tracks at a time",
    "num_workers": "processes that load tracks; the published default is 10, more than most "
    "machines have cores",
    "device": "`cpu`, `cuda`, `cuda:1` or `auto`",
    "use_tensorboard": "log to TensorBoard as well",
}
"""The options of `recsys.eval`."""


def typed(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with the types of their defaults.

    A user name of digits is a name, `n_epochs=1e3` is a whole number, `lr=1` is a float.

    `config` is sacred's: values are Python literals where they look like one. The result has the
    keys of `defaults`, of which None stands for an option that is off or a whole number.

    Raises
    ------
    ParameterError
        If a value has another type; the message names the option and what it takes.
    """
    return {name: _typed(name, config[name], default) for name, default in defaults.items()}


def split_of(catalogue: Catalogue, user_name: str, seed: int) -> Path:
    """Return the path of a listener's split.

    Raises
    ------
    DataError
        If the listener has none in this catalogue; the message names those who have one.
    """
    path = listening.split_path(catalogue, user_name, seed)
    if not path.is_file():
        there = ", ".join(listening.users(catalogue, seed)) or "none"
        raise DataError(
            f"no listener {user_name!r} in catalogue {catalogue.name} (there with split_seed "
            f"{seed}: {there}); `python -m recsys.listening plays.csv --catalogue "
            f"{catalogue.name}` adds listeners"
        )
    return path


def _typed(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, str):
        return "" if value is None else str(value)
    if isinstance(default, bool):
        return _switch(name, value)
    if default is None and value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(default, float) and is_number:
        return float(value)
    if not isinstance(default, float) and is_number and value == value // 1:
        return int(value)
    kind = "a number" if isinstance(default, float) else "a whole number"
    also = ", or None" if default is None else ""
    raise ParameterError(f"{name} must be {kind}{also}, got {value!r}")


def _switch(name: str, value: Any) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False, "none": False}
    if (text := str(value).lower()) not in known:
        raise ParameterError(f"{name} must be True or False, got {value!r}")
    return known[text]


def help_text(defaults: Mapping[str, Any], meanings: Mapping[str, str]) -> str:
    """Return the part of a command's help that lists its options, a line each."""
    values = {name: f"{name}={default}" for name, default in defaults.items()}
    width = max(map(len, values.values()))
    lines = [f"  {value:<{width}}  {meanings[name]}" for name, value in values.items()]
    return "\n".join(["Options, after `with`, with their defaults:", *lines]).replace("`", "")


def table(defaults: Mapping[str, Any], meanings: Mapping[str, str]) -> str:
    """Return options, defaults and meanings as a table in Markdown."""
    lines = ["| option | default | meaning |", "|---|---|---|"]
    for name, default in defaults.items():
        shown = "cuda:0, or cpu" if name == "device" else default
        lines.append(f"| `{name}` | {'' if shown == '' else f'`{shown}`'} | {meanings[name]} |")
    return "\n".join(lines)
