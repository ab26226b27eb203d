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

from audiolime.separation.interface import fit_length, resample, separate_with
from lemons_utils import DataError, ParameterError

# Model: (repository on the Hugging Face hub, file, our order of its sources).
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


class Demucs:
    """Hybrid Transformer Demucs (Rouard, Massa, Defossez, ICASSP 2023).

    The package comes with the extra `demucs`, the weights from the Hugging Face hub. Nothing is
    downloaded here: a missing file is an error that says how to get it.

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
        self.stem_names: tuple[str, ...] = stem_names
        self._network = _network(model)

    def separate(self, waveform: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
        """See `Separator.separate`."""
        return separate_with(self._estimate, waveform, sample_rate)

    def _estimate(self, mix: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        from demucs.apply import apply_model

        rate = int(self._network.samplerate)
        heard = torch.from_numpy(resample(mix, sample_rate, rate))
        stereo = heard if len(heard) == 2 else heard.mean(dim=0).expand(2, -1)
        mean, deviation = stereo.mean(), stereo.mean(dim=0).std() + 1e-8
        with torch.inference_mode():
            # No random shifts: the same audio must give the same stems.
            sources = apply_model(
                self._network, ((stereo - mean) / deviation)[None], shifts=0, split=True
            )[0]
        sources = sources * deviation + mean
        if len(mix) != 2:
            sources = sources.mean(dim=1, keepdim=True).expand(-1, len(mix), -1)
        order = [list(self._network.sources).index(stem) for stem in self.stem_names[:-1]]
        stems = [resample(sources[i].contiguous().numpy(), rate, sample_rate) for i in order]
        return np.stack([fit_length(stem, mix.shape[1]) for stem in stems])


@functools.cache
def _network(model: str) -> Any:
    try:
        from demucs.hf import load_safetensors_model
    except ImportError as error:
        raise DataError(
            f"demucs:{model} needs the extra demucs ({error}): pip install 'demucs>=4.1', or use "
            f"the separator hybrid"
        ) from error

    network = load_safetensors_model(_weights(model))
    return network.eval()


def _weights(model: str) -> Path:
    # Imported by name: type checkers need not know a package that only the extra brings.
    hub = importlib.import_module("huggingface_hub")

    repository, file, _ = _MODELS[model]
    found = hub.try_to_load_from_cache(repository, file)
    if not isinstance(found, str):
        raise DataError(
            f"demucs:{model} needs the weights {file}: hf download {repository} {file}, "
            f"or use the separator hybrid"
        )
    _check(Path(found))
    return Path(found)


def _check(path: Path) -> None:
    """Refuse weights that would have the package make anything but a Demucs network.

    The file itself names the class to be made from it, so a forged one could name any.
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
