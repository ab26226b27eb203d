"""A model-agnostic explainer for audio: which instruments, which moments made the model say so.

Names are imported when they are first asked for: `audiolime.exact` needs torch and numpy alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "AudioExplanation": "explanation",
    "Factorization": "factorization",
    "LimeAudioExplainer": "explainer",
    "RawAudioProvider": "data_provider",
    "SeparatedFactorization": "factorization",
    "SourceFactorization": "factorization",
    "SourceSeparationBasedFactorization": "factorization",
    "SpleeterFactorization": "factorization",
    "SpleeterPrecomputedFactorization": "factorization",
    "TimeFrequencyFactorization": "factorization",
    "TimeFrequencyTorchFactorization": "factorization",
    "TimeOnlyFactorization": "factorization",
    "TimeSourceFactorization": "factorization",
    "compute_complexity": "metrics",
    "compute_segments": "components.segmentation",
    "get_separator": "separation",
    "load_audio": "data_provider",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
