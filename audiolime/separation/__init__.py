"""Separators: one file each, behind one small interface, and a cache of stems."""
