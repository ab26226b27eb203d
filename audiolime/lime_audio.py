"""The explainer under the module name that audioLIME v0.0.3 has for it."""

from audiolime.explainer import LimeAudioExplainer
from audiolime.explanation import AudioExplanation

__all__ = ["AudioExplanation", "LimeAudioExplainer"]
