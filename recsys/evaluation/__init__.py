"""Evaluation of listeners' models, beside baselines, and advice after a training."""

from recsys.evaluation.baseline import SpectrogramFeatures
from recsys.evaluation.listeners import Result, evaluate_listener, read_labels

__all__ = ["Result", "SpectrogramFeatures", "evaluate_listener", "read_labels"]
