"""A model-agnostic explainer for audio: which instruments, which moments made the model say so.

Names are imported when they are first asked for: `audiolime.exact` needs torch and numpy alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lemons_processes import before_imports, on_demand

before_imports(__name__)

if TYPE_CHECKING:  # type checkers see what `__getattr__` hands out
    from audiolime.components.segmentation import compute_segments as compute_segments
    from audiolime.data_provider import RawAudioProvider as RawAudioProvider
    from audiolime.data_provider import load_audio as load_audio
    from audiolime.explainer import LimeAudioExplainer as LimeAudioExplainer
    from audiolime.explanation import AudioExplanation as AudioExplanation
    from audiolime.factorization import *  # noqa: F403
    from audiolime.factorization_image import ImageLikeFactorization as ImageLikeFactorization
    from audiolime.metrics import compute_complexity as compute_complexity
    from audiolime.separation import get_separator as get_separator

_HOME = {
    "AudioExplanation": "explanation",
    "Factorization": "factorization",
    "ImageLikeFactorization": "factorization_image",
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
    return on_demand(__name__, _HOME, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
