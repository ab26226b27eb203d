"""A model-agnostic explainer for audio: which instruments, which moments made the model say so.

Names are imported when they are first asked for: `audiolime.exact` needs torch and numpy alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiolime.data_provider import RawAudioProvider, load_audio
    from audiolime.explainer import LimeAudioExplainer
    from audiolime.explanation import AudioExplanation
    from audiolime.factorization import (
        Factorization,
        SourceFactorization,
        SourceSeparationBasedFactorization,
        TimeOnlyFactorization,
        TimeSourceFactorization,
    )
    from audiolime.metrics import compute_complexity
    from audiolime.segmentation import compute_segments
    from audiolime.separated import (
        SeparatedFactorization,
        SpleeterFactorization,
        SpleeterPrecomputedFactorization,
    )
    from audiolime.separation import get_separator
    from audiolime.spectrogram_tiles import TimeFrequencyTorchFactorization
    from audiolime.tiles import TimeFrequencyFactorization

_HOME = {
    "AudioExplanation": "explanation",
    "Factorization": "factorization",
    "LimeAudioExplainer": "explainer",
    "RawAudioProvider": "data_provider",
    "SeparatedFactorization": "separated",
    "SourceFactorization": "factorization",
    "SourceSeparationBasedFactorization": "factorization",
    "SpleeterFactorization": "separated",
    "SpleeterPrecomputedFactorization": "separated",
    "TimeFrequencyFactorization": "tiles",
    "TimeFrequencyTorchFactorization": "spectrogram_tiles",
    "TimeOnlyFactorization": "factorization",
    "TimeSourceFactorization": "factorization",
    "compute_complexity": "metrics",
    "compute_segments": "segmentation",
    "get_separator": "separation",
    "load_audio": "data_provider",
}
_ALIASES = {"lime_audio": "explainer"}
"""Modules that a script written for audioLIME knows under another name."""

__all__ = [
    "AudioExplanation",
    "Factorization",
    "LimeAudioExplainer",
    "RawAudioProvider",
    "SeparatedFactorization",
    "SourceFactorization",
    "SourceSeparationBasedFactorization",
    "SpleeterFactorization",
    "SpleeterPrecomputedFactorization",
    "TimeFrequencyFactorization",
    "TimeFrequencyTorchFactorization",
    "TimeOnlyFactorization",
    "TimeSourceFactorization",
    "compute_complexity",
    "compute_segments",
    "get_separator",
    "load_audio",
]


def __getattr__(name: str) -> Any:
    if name in _ALIASES:
        return import_module(f"{__name__}.{_ALIASES[name]}")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
