"""Tiles of spectrograms, under the module name that audioLIME v0.0.3 has for them."""

from audiolime.components.spectrogram_tiles import TimeFrequencyTorchFactorization

__all__ = ["TimeFrequencyTorchFactorization"]
