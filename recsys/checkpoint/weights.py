"""Files of weights: written with their card and page, read into a network."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lemons_utils import DataError, ParameterError, checksum, first_line, write_beside
from recsys.checkpoint.card import BEST_MODEL, read_card, weights_path
from recsys.hub import card_page
from recsys.model import FCN, FORMAT, PER_BAND, LocalStatistics, Network


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
        temporary.write_bytes(save(for_a_file(weights)))  # `save_file` hides it from others
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
        f"{name} is {kind_of(given)} instead of {kind_of(tensor)}"
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


def kind_of(tensor: Tensor) -> str:
    """Return the name of a tensor's type, e.g. float32."""
    return str(tensor.dtype).removeprefix("torch.")


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


def for_a_file(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as safetensors wants them: on the CPU, contiguous."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
