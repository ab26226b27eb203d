"""What can be switched off: the kinds of components, segmentations, and factorizations."""
