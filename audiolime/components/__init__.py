"""What can be switched off: the kinds of components, segmentations, and factorizations."""

from audiolime.components.algebra import KINDS, OF_SEGMENTS, OF_STEMS, Components

__all__ = ["KINDS", "OF_SEGMENTS", "OF_STEMS", "Components"]
