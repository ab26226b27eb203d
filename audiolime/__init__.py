"""A model-agnostic explainer for audio: which instruments, which moments made the model say so.

Names are imported when they are first asked for: `audiolime.exact` needs torch and numpy alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiolime.components.factorization import (
        Factorization,
        SourceFactorization,
        SourceSeparationBasedFactorization,
        TimeOnlyFactorization,
        TimeSourceFactorization,
    )
    from audiolime.components.segmentation import compute_segments
    from audiolime.components.separated import (
        SeparatedFactorization,
        SpleeterFactorization,
        SpleeterPrecomputedFactorization,
    )
    from audiolime.components.spectrogram_tiles import TimeFrequencyTorchFactorization
    from audiolime.components.tiles import TimeFrequencyFactorization
    from audiolime.data_provider import RawAudioProvider, load_audio
    from audiolime.explainer import LimeAudioExplainer
    from audiolime.explanation import AudioExplanation
    from audiolime.metrics import compute_complexity
    from audiolime.separation import get_separator

_HOME = {
    "AudioExplanation": "explanation",
    "Factorization": "components.factorization",
    "LimeAudioExplainer": "explainer",
    "RawAudioProvider": "data_provider",
    "SeparatedFactorization": "components.separated",
    "SourceFactorization": "components.factorization",
    "SourceSeparationBasedFactorization": "components.factorization",
    "SpleeterFactorization": "components.separated",
    "SpleeterPrecomputedFactorization": "components.separated",
    "TimeFrequencyFactorization": "components.tiles",
    "TimeFrequencyTorchFactorization": "components.spectrogram_tiles",
    "TimeOnlyFactorization": "components.factorization",
    "TimeSourceFactorization": "components.factorization",
    "compute_complexity": "metrics",
    "compute_segments": "components.segmentation",
    "get_separator": "separation",
    "load_audio": "data_provider",
}

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
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
