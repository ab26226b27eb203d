"""Spleeter's stems, under the module name that audioLIME v0.0.3 has for them."""

from audiolime.components.separated import (
    SpleeterFactorization,
    SpleeterPrecomputedFactorization,
)

__all__ = ["SpleeterFactorization", "SpleeterPrecomputedFactorization"]
