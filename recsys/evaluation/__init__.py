"""Evaluation of listeners' models, beside a baseline, and advice after a training."""

from recsys.evaluation.listeners import Result, evaluate_listener, read_labels

__all__ = ["Result", "evaluate_listener", "read_labels"]
