"""Superpixels of spectrograms, under the module name that audioLIME v0.0.3 has for them."""

from audiolime.components.superpixels import ImageLikeFactorization

__all__ = ["ImageLikeFactorization"]
