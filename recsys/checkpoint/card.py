"""What is known of a model or a training without a tensor of it: its card, its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

from lemons_limits import convert_json, decode_json, read_json
from lemons_utils import DataError, checksum
from lemons_versions import git_commit, versions

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


_VERSIONS_OF = ("lemons", "torch", "numpy", "scikit-learn", "safetensors")


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


def weights_path(path: Path) -> Path:
    """Return a file of weights: that path, or the best model if it is an experiment's folder."""
    return path / BEST_MODEL if path.is_dir() else path


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


class _Progress(TypedDict):
    """The part of a training's facts that says how far it is."""

    epoch: int


def trained_epochs(path: Path) -> int:
    """Read the number of trained epochs from a training's state; return 0 without one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:  # no tensor is read, so without torch
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
