"""Factorizations under the module name that audioLIME v0.0.3 has for them."""

from audiolime.components.factorization import Factorization, TimeOnlyFactorization
from audiolime.components.separated import (
    SeparatedFactorization,
    SpleeterFactorization,
    SpleeterPrecomputedFactorization,
)
from audiolime.components.spectrogram_tiles import TimeFrequencyTorchFactorization
from audiolime.components.stem_factorization import (
    SourceFactorization,
    SourceSeparationBasedFactorization,
    TimeSourceFactorization,
)
from audiolime.components.tiles import TimeFrequencyFactorization

__all__ = [
    "Factorization",
    "SeparatedFactorization",
    "SourceFactorization",
    "SourceSeparationBasedFactorization",
    "SpleeterFactorization",
    "SpleeterPrecomputedFactorization",
    "TimeFrequencyFactorization",
    "TimeFrequencyTorchFactorization",
    "TimeOnlyFactorization",
    "TimeSourceFactorization",
]
