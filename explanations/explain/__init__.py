"""A listener's model, a track and a kind of components in, an explanation out."""

from explanations.explain.command import main
from explanations.explain.track import Progress, Subject, explain, prepare

__all__ = ["Progress", "Subject", "explain", "main", "prepare"]
