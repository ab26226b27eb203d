"""Weights (safetensors) and a JSON card that says how they came about; training states.

`best_model.safetensors` holds the weights under their published names, `best_model.json`
beside it the card. Nothing is pickled; a published `.pth` is read as tensors alone.
"""

from __future__ import annotations

import importlib.metadata
import json
import pickle
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lemons_utils import DataError, ParameterError, checksum, write_beside
from recsys.model import FCN
from recsys.trainer import TrainingState

BEST_MODEL = "best_model.safetensors"
"""Weights of the best model, in an experiment's folder."""

LAST_STATE = "last.safetensors"
"""State of the training after its last epoch, in an experiment's folder."""

_VERSIONS_OF = ("lemons", "torch", "numpy", "scikit-learn", "safetensors")


# -- weights and their card --------------------------------------------------------------------
def make_card(
    *,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    split_checksum: str | None = None,
    **more: object,
) -> dict[str, Any]:
    """Write down how a model came about.

    Parameters
    ----------
    config : mapping
        The options it was trained with, among them `catalogue` and `user_name`.
    metrics : mapping
        What it reached in validation.
    split_checksum : str, optional
        SHA-256 of the split's file.
    **more
        Whatever else is worth keeping.

    Returns
    -------
    dict that JSON can hold: these, the git commit and the versions of what it ran on
    """
    return {
        "config": dict(config),
        "split_checksum": split_checksum,
        "metrics": dict(metrics),
        **more,
        "git_commit": git_commit(),
        "versions": {"python": platform.python_version(), **_versions()},
    }


def save_model(
    path: Path, model: FCN | Mapping[str, Tensor], card: Mapping[str, Any]
) -> dict[str, Any]:
    """Write weights, and their card beside them under the same name with `.json`.

    The same weights make the same file, byte for byte.

    Parameters
    ----------
    path : Path
        Ends in `.safetensors`.
    model : FCN, or its state dict
    card : mapping
        From `make_card`.

    Returns
    -------
    dict, the card as written, with `model_checksum`: SHA-256 of the weights' file
    """
    from safetensors.torch import save_file

    if path.suffix != ".safetensors":
        raise ParameterError(f"expected a path that ends in .safetensors, got {path}")
    weights = model.state_dict() if isinstance(model, FCN) else model
    with write_beside(path) as temporary:
        save_file(_for_a_file(weights), temporary)
        written = {**card, "model_checksum": checksum(temporary)}
    with write_beside(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    return written


def load_model(path: Path) -> tuple[FCN, dict[str, Any]]:
    """Build the network from its weights.

    Parameters
    ----------
    path : Path
        `.safetensors`; a published `.pth` (a state dict); or an experiment's folder, for the
        best model in it.

    Returns
    -------
    network : FCN, in evaluation mode, on the CPU
    card : dict
        What the card says, at least `model_checksum`.

    Raises
    ------
    DataError
        If there are no weights, they are not this network's, or the card is another model's.
    """
    path = path / BEST_MODEL if path.is_dir() else path
    network = FCN()
    load_weights(network, path)
    return network.eval(), read_card(path)


def load_weights(network: FCN, path: Path) -> None:
    """Fill a network with the weights of a file; see `load_model`."""
    weights = _read_weights(path)
    expected = network.state_dict()
    missing, unknown = sorted(expected.keys() - weights), sorted(weights.keys() - expected)
    misshapen = [
        f"{name} is {list(weights[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in expected.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if missing or unknown or misshapen:
        reasons = [
            f"missing {', '.join(missing[:3])}" if missing else "",
            f"unknown {', '.join(unknown[:3])}" if unknown else "",
            "; ".join(misshapen[:3]),
        ]
        raise DataError(
            f"{path} holds no weights of this network ({'; '.join(filter(None, reasons))}): "
            f"name a {BEST_MODEL} or a published .pth"
        )
    network.load_state_dict(weights)


def read_card(path: Path) -> dict[str, Any]:
    """Read the card beside a file of weights; where there is none, only the checksum is known."""
    card_path, model_checksum = path.with_suffix(".json"), checksum(path)
    if not card_path.is_file():
        return {"model_checksum": model_checksum}
    try:
        card = json.loads(card_path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{card_path} is no model card: {error}") from error
    if not isinstance(card, dict):
        raise DataError(f"{card_path} is no model card: expected a JSON object")
    if card.setdefault("model_checksum", model_checksum) != model_checksum:
        raise DataError(
            f"{card_path} describes other weights than {path.name}: resume the training, which "
            "writes both again, or move the card away to use the weights without it"
        )
    return card


def _read_weights(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise DataError(f"there are no weights at {path}: train a model or name another file")
    if path.suffix not in (".safetensors", ".pth", ".pt"):
        raise DataError(f"weights are .safetensors or .pth files, got {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} cannot be read as weights: {reason}") from error
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise DataError(f"{path} holds no state dict: save model.state_dict() and nothing else")
    return dict(loaded)


def _for_a_file(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


# -- training states ---------------------------------------------------------------------------
def save_state(path: Path, state: TrainingState) -> None:
    """Write a training's state: one file, the old one or the new one, never half of it."""
    from safetensors.torch import save_file

    with write_beside(path) as temporary:
        save_file(_for_a_file(state.tensors), temporary, {"facts": json.dumps(state.facts)})


def load_state(path: Path) -> TrainingState:
    """Read a training's state.

    Raises
    ------
    DataError
        If there is none, or the file holds something else.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DataError(f"there is no training to resume at {path}: start a new one")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            return TrainingState({name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} holds no state of a training ({error})") from error


def trained_epochs(path: Path) -> int:
    """Read from a training's state how many epochs it has had, and no more; 0 without one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return int(json.loads(file.metadata()["facts"])["epoch"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return 0


def remove_leftovers(folder: Path) -> None:
    """Remove the half-written files that a killed training has left in its folder."""
    for name in (BEST_MODEL, LAST_STATE):
        path = folder / name
        for suffix in (path.suffix, ".json"):
            for leftover in folder.glob(f".{path.stem}.{'?' * 12}{suffix}"):
                leftover.unlink(missing_ok=True)


# -- experiments -------------------------------------------------------------------------------
def newest_experiment(
    experiments: Path, *, catalogue: str, user_name: str, holding: str = BEST_MODEL
) -> Path:
    """Find a listener's newest experiment.

    Parameters
    ----------
    experiments : Path
        `configuration().experiments`.
    catalogue, user_name : str
    holding : str
        File that the experiment must have; `LAST_STATE` for one to resume.

    Returns
    -------
    Path of the folder

    Raises
    ------
    DataError
        If the listener has none.
    """
    # The number is `claim_folder`'s, for experiments that start in the same second.
    ours = re.compile(
        rf"(\d{{4}}-\d\d-\d\d_\d\d-\d\d-\d\d)-{re.escape(f'{catalogue}-{user_name}')}(?:-(\d+))?"
    )
    found = []
    for folder in experiments.iterdir() if experiments.is_dir() else []:
        match = ours.fullmatch(folder.name)
        if match and (folder / holding).is_file() and _is_of(folder, catalogue, user_name):
            found.append((match[1], int(match[2] or 1), folder))
    if not found:
        raise DataError(
            f"{user_name} has no model for catalogue {catalogue} in {experiments}: train one with "
            f"`python -m recsys.experiment with user_name={user_name} catalogue={catalogue}`"
        )
    return max(found)[2]


def _is_of(folder: Path, catalogue: str, user_name: str) -> bool:
    """Ask the card, where it is there: a name may end in a number, or hold a hyphen."""
    try:
        config = json.loads((folder / BEST_MODEL).with_suffix(".json").read_text())["config"]
        return (config["catalogue"], config["user_name"]) == (catalogue, user_name)
    except (OSError, ValueError, KeyError, TypeError):
        return True


# -- where the code comes from -----------------------------------------------------------------
def git_commit() -> str | None:
    """Name the commit this code is at, with `+changes` where files differ; None outside git."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+changes" if changes else commit


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    versions = {}
    for name in _VERSIONS_OF:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
