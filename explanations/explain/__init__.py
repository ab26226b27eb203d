"""A listener's model, a track and a kind of components in, an explanation out."""

from explanations.explain.command import main
from explanations.explain.track import Subject, explain, explain_track, prepare

__all__ = ["Subject", "explain", "explain_track", "main", "prepare"]
