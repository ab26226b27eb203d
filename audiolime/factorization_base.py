"""Factorizations of time and stems, under the module name that audioLIME v0.0.3 has for them."""

from audiolime.components.factorization import Factorization, TimeOnlyFactorization
from audiolime.components.segmentation import compute_segments
from audiolime.components.stem_factorization import SourceSeparationBasedFactorization

__all__ = [
    "Factorization",
    "SourceSeparationBasedFactorization",
    "TimeOnlyFactorization",
    "compute_segments",
]
