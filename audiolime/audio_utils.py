"""Reading audio, under the module name that audioLIME v0.0.3 has for it."""

from audiolime.data_provider import load_audio

__all__ = ["load_audio"]
