"""Files of weights, the JSON cards that describe them, and files of training states.

`best_model.safetensors` holds the weights under their published names, `best_model.json`
beside it the card. Nothing is pickled; a published `.pth` is read as tensors alone.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from lemons_limits import convert_json, decode_json, read_json
from lemons_utils import DataError, ParameterError, checksum, first_line, write_beside
from lemons_versions import git_commit, versions
from recsys.hub import card_page
from recsys.model import FCN, FORMAT, PER_BAND, LocalStatistics, Network
from recsys.training import TrainingState

BEST_MODEL = "best_model.safetensors"
"""Weights of the best model, in an experiment's folder."""

LAST_STATE = "last.safetensors"
"""State of the training after its last epoch, in an experiment's folder."""


class _HeadEntry(TypedDict):
    """The head of a model on a trunk."""

    name: str
    checksum: str
    weight: list[float]
    bias: float


class _ModelCard(TypedDict, total=False):
    """The parts of a card that the commands read; it may have others."""

    model_checksum: str
    config: dict[str, Any]
    metrics: dict[str, Any]
    split_checksum: str | None
    started: str
    finished: str
    epochs: int
    seconds: float | None
    trunk: _HeadEntry
    format: str
    name: str
    catalogue: str
    sample: list[str]


class _Progress(TypedDict):
    """The part of a training's facts that says how far it is."""

    epoch: int


_VERSIONS_OF = ("lemons", "torch", "numpy", "scikit-learn", "safetensors")


# -- weights and their card --------------------------------------------------------------------
def make_card(
    *,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    split_checksum: str | None = None,
    **more: object,
) -> dict[str, Any]:
    """Return the card of a model.

    Parameters
    ----------
    config : mapping
        The options of the training, among them `catalogue` and `user_name`.
    metrics : mapping
        The results of the validation.
    split_checksum : str, optional
        SHA-256 of the split's file.
    **more
        Further entries. The git commit and the versions of Python and packages are added, and
        `started`, the present time (UTC), unless it is among them.
    """
    return {
        "config": dict(config),
        "split_checksum": split_checksum,
        "metrics": dict(metrics),
        "started": utc_now(),
        **more,
        "git_commit": git_commit(),
        "versions": versions(_VERSIONS_OF),
    }


def utc_now() -> str:
    """Return the present time, UTC, as ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def save_model(
    path: Path, model: Network | Mapping[str, Tensor], card: Mapping[str, Any]
) -> dict[str, Any]:
    """Write weights, their card beside them as `.json`, and a page for people as `.md`.

    Equal weights make equal files, byte for byte.

    Parameters
    ----------
    path : Path
        The file, which ends in `.safetensors`.
    model : Network, or its state dict
    card : mapping
        From `make_card`.

    Returns
    -------
    dict, the card as written, with `model_checksum`: SHA-256 of the weights' file
    """
    from safetensors.torch import save

    if path.suffix != ".safetensors":
        raise ParameterError(f"expected a path that ends in .safetensors, got {path}")
    weights = model.state_dict() if isinstance(model, torch.nn.Module) else model
    with write_beside(path) as temporary:
        temporary.write_bytes(save(_for_a_file(weights)))  # `save_file` hides it from others
        written = {**card, "model_checksum": checksum(temporary)}
    with write_beside(path.with_suffix(".md")) as temporary:
        temporary.write_text(card_page(written), encoding="utf-8")
    # The card last: weights without theirs are written again after a kill, and the page with them.
    with write_beside(path.with_suffix(".json")) as temporary:
        text = json.dumps(written, indent=2, ensure_ascii=False) + "\n"
        temporary.write_text(text, encoding="utf-8")
    return written


def load_model(path: Path) -> tuple[Network, dict[str, Any]]:
    """Return the network with the weights of a file, and their card.

    Parameters
    ----------
    path : Path
        A `.safetensors` file; a published `.pth` (a state dict); or an experiment's folder,
        which stands for the best model in it.

    Returns
    -------
    network : Network, in evaluation mode, on the CPU; the weights say which
    card : dict
        It has at least `model_checksum`.

    Raises
    ------
    DataError
        If there are no weights, they are not this network's or of older statistics, or the card
        is another model's.
    """
    path = weights_path(path)
    weights = read_tensors(path)
    # A head alone has no layers; whatever is no head is taken for the published network.
    head = LocalStatistics(tuned="kernel" in weights)
    network = head if weights.keys() == head.state_dict().keys() else FCN()
    _fill(network, weights, path)
    card = read_card(path)
    is_older = card.get("model") == "statistics" and card.get("format") != FORMAT
    if is_older and network is head and head.fc.weight[:, -PER_BAND:].any():
        raise DataError(f"{path} is of older statistics of loudness: train the model again")
    return network.eval(), card


def weights_path(path: Path) -> Path:
    """Return a file of weights: that path, or the best model if it is an experiment's folder."""
    return path / BEST_MODEL if path.is_dir() else path


def load_weights(network: Network, path: Path) -> None:
    """Load the weights of a file or an experiment into a network; see `load_model`."""
    path = weights_path(path)
    _fill(network, read_tensors(path), path)


def _fill(network: Network, weights: dict[str, Tensor], path: Path) -> None:
    expected = network.state_dict()
    missing, unknown = sorted(expected.keys() - weights), sorted(weights.keys() - expected)
    known = {name: (weights[name], tensor) for name, tensor in expected.items() if name in weights}
    different = [
        f"{name} is {list(given.shape)} instead of {list(tensor.shape)}"
        for name, (given, tensor) in known.items()
        if given.shape != tensor.shape
    ]
    different += [
        f"{name} is {_kind(given)} instead of {_kind(tensor)}"
        for name, (given, tensor) in known.items()
        if given.is_floating_point() != tensor.is_floating_point() or given.is_complex()
    ]
    if missing or unknown or different:
        reasons = [
            f"missing {', '.join(missing[:3])}" if missing else "",
            f"unknown {', '.join(unknown[:3])}" if unknown else "",
            "; ".join(different[:3]),
        ]
        raise DataError(
            f"{path} holds no weights of this network ({'; '.join(filter(None, reasons))}): "
            f"name a {BEST_MODEL} or a published .pth"
        )
    network.load_state_dict(weights)


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def read_card(path: Path) -> dict[str, Any]:
    """Read the card beside a file of weights; without one, return the checksum alone."""
    card_path, model_checksum = path.with_suffix(".json"), checksum(path)
    if not card_path.is_file():
        return {"model_checksum": model_checksum}
    card = stored_card(path)
    if card.setdefault("model_checksum", model_checksum) != model_checksum:
        raise DataError(
            f"{card_path} describes other weights than {path.name}: resume the training, which "
            "writes both again, or move the card away to use the weights without it"
        )
    return card


def stored_card(path: Path) -> dict[str, Any]:
    """Read the card beside a file of weights, without looking at the weights.

    Raises
    ------
    DataError
        If there is none.
    """
    card_path = path.with_suffix(".json")
    card = read_json(card_path, dict[str, Any], "model card")
    convert_json(card, _ModelCard, str(card_path), "model card")
    return card


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a file of weights.

    Raises
    ------
    DataError
        If there is none, or it holds something else.
    """
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
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} cannot be read as weights: it is damaged, or holds other objects, which "
            "could run a program; save model.state_dict() and nothing else"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise DataError(f"{path} cannot be read as weights: {first_line(error)}") from error
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise DataError(f"{path} holds no state dict: save model.state_dict() and nothing else")
    return dict(loaded)


def _for_a_file(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


# -- training states ---------------------------------------------------------------------------
def save_state(path: Path, state: TrainingState) -> None:
    """Write a training's state with a checksum of it, atomically."""
    from safetensors.torch import save

    tensors, facts = _for_a_file(state.tensors), json.dumps(state.facts)
    metadata = {"facts": facts, "checksum": _state_checksum(tensors, facts)}
    with write_beside(path) as temporary:
        temporary.write_bytes(save(tensors, metadata))


def load_state(path: Path) -> TrainingState:
    """Read a training's state.

    Raises
    ------
    DataError
        If there is none, the file holds something else, or it has changed since it was written.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DataError(f"there is no training to resume at {path}: start a new one")
    again = "remove it, and the training begins again"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = decode_json(metadata["facts"].encode(), dict[str, Any], str(path))
            state = TrainingState(tensors, facts)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, DataError) as error:
        raise DataError(
            f"{path} holds no state of a training ({first_line(error)}): {again}"
        ) from error
    if metadata.get("checksum") != _state_checksum(tensors, metadata["facts"]):
        raise DataError(f"{path} is damaged, its checksum is that of other content: {again}")
    return state


def _state_checksum(tensors: Mapping[str, Tensor], facts: str) -> str:
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {_kind(tensor)} {[*tensor.shape]}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def trained_epochs(path: Path) -> int:
    """Read the number of trained epochs from a training's state; return 0 without one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata()["facts"].encode()
        return decode_json(facts, _Progress, str(path))["epoch"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, DataError):
        return 0


def remove_leftovers(folder: Path) -> None:
    """Remove the half-written files that a killed training has left in its folder."""
    for name in (BEST_MODEL, LAST_STATE):
        path = folder / name
        for suffix in (path.suffix, ".json", ".md"):
            for leftover in folder.glob(f".{path.stem}.{'?' * 12}{suffix}"):
                leftover.unlink(missing_ok=True)
