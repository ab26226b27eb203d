"""Files of training states: all that a training needs to go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lemons_limits import decode_json
from lemons_utils import DataError, first_line, write_beside
from recsys.checkpoint.weights import for_a_file, kind_of
from recsys.training import TrainingState


def save_state(path: Path, state: TrainingState) -> None:
    """Write a training's state with a checksum of it, atomically."""
    from safetensors.torch import save

    tensors, facts = for_a_file(state.tensors), json.dumps(state.facts)
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
        digest.update(f"\n{name} {kind_of(tensor)} {[*tensor.shape]}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
