"""What can be switched off: the kinds of components, segmentations, and factorizations."""

from audiolime.components.algebra import KINDS, Components

__all__ = ["KINDS", "Components"]
