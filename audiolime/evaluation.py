"""Complexity, under the module name that audioLIME v0.0.3 has for it."""

from audiolime.metrics import compute_complexity

__all__ = ["compute_complexity"]
