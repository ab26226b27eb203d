"""`demucs:htdemucs` and `demucs:htdemucs_6s`: Demucs through its own package (extra `demucs`)."""

from __future__ import annotations

import functools
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from audiolime.separation.interface import ComputingSeparator, estimate_in_stereo
from lemons_places import install
from lemons_utils import DataError, ParameterError

# Model: (repository on the Hugging Face hub, file, order of the stems here).
_MODELS = {
    "htdemucs": (
        "adefossez/HTDemucs",
        "955717e8.safetensors",
        ("vocals", "drums", "bass", "other"),
    ),
    "htdemucs_6s": (
        "adefossez/HTDemucs-6s",
        "5c90dfd2.safetensors",
        ("vocals", "piano", "guitar", "drums", "bass", "other"),
    ),
}
_NETWORK = "demucs.htdemucs.HTDemucs"


class Demucs(ComputingSeparator):
    """Hybrid Transformer Demucs (Rouard, Massa, Defossez, ICASSP 2023).

    The extra `demucs` brings the package; the weights are on the Hugging Face hub. Nothing is
    downloaded here: the error for a missing file says how to get it.

    Parameters
    ----------
    model : str
        `htdemucs` or `htdemucs_6s`.

    Raises
    ------
    ParameterError
        If there is no such model.
    DataError
        If the package or its weights are missing.
    """

    def __init__(self, model: str) -> None:
        if model not in _MODELS:
            raise ParameterError(f"model must be one of {', '.join(_MODELS)}, got {model!r}")
        _, file, stem_names = _MODELS[model]
        self.name = f"demucs:{model}"
        self.version = f"1-{file.removesuffix('.safetensors')}"
        self.stem_names = stem_names
        self._network = _network(model)

    def estimate(self, mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Estimate all stems but the last."""
        rate = int(self._network.samplerate)
        return estimate_in_stereo(self._sources, mix, sample_rate, network_rate=rate)

    def _sources(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        from demucs.apply import apply_model

        stereo = torch.from_numpy(waveform)
        mean, deviation = stereo.mean(), stereo.mean(dim=0).std() + 1e-8
        with torch.inference_mode():
            # No random shifts: the same audio must give the same stems.
            sources = apply_model(
                self._network, ((stereo - mean) / deviation)[None], shifts=0, split=True
            )[0]
        order = [list(self._network.sources).index(stem) for stem in self.stem_names[:-1]]
        return np.asarray((sources * deviation + mean)[order].numpy(), dtype=np.float32)


@functools.cache
def _network(model: str) -> Any:
    try:
        from demucs.hf import load_safetensors_model
    except ImportError as error:
        raise DataError(
            f"demucs:{model} needs the extra demucs ({error}): {install('demucs')}, or use "
            f"the separator hybrid"
        ) from error

    network = load_safetensors_model(_weights(model))
    return network.eval()


def _weights(model: str) -> Path:
    # Imported by name, so that type checkers do not need a package that only the extra brings.
    hub = importlib.import_module("huggingface_hub")

    repository, file, _ = _MODELS[model]
    path = hub.try_to_load_from_cache(repository, file)
    if not isinstance(path, str):
        raise DataError(
            f"demucs:{model} needs the weights {file}: hf download {repository} {file}, "
            f"or use the separator hybrid"
        )
    _check(Path(path))
    return Path(path)


def _check(path: Path) -> None:
    """Raise unless the package would build a Demucs network from these weights.

    The file itself names the class to build, so a forged file could name any class.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}. Delete it, fetch it again") from error
    if metadata.get("klass") != _NETWORK or "_class" in metadata.get("structure", ""):
        raise DataError(
            f"{path} must hold a {_NETWORK}, got {json.dumps(metadata.get('klass'))}: "
            f"delete it and fetch it again"
        )
