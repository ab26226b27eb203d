"""Files of tables: NumPy archives of float32 arrays, and JSON that says how large they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lemons_arrays import open_archive, write_archive
from lemons_limits import convert_json
from lemons_utils import DataError

VERSION = 1
LARGEST = 2**20
"""Largest size that a file may name, far above any that exists."""
META = "meta"
"""The name of the JSON in a file."""
MAX_STEMS = 16
"""Most stems of tables, whose arrays have 2^S rows."""

Arrays = Mapping[str, NDArray[np.floating]]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class TablesFormat:
    """A format of tables on disk; `docs/exact.md` describes both that exist.

    Parameters
    ----------
    name : str
        Stands in every file.
    sizes : tuple of str
        Fields of `meta` that hold the sizes, `n_stems` among them.
    shapes : callable
        Maps the sizes to the shapes of the arrays.
    numbers : tuple of str
        Further fields of `meta` that hold one number each.
    """

    name: str
    sizes: tuple[str, ...]
    shapes: Callable[..., Shapes]
    numbers: tuple[str, ...] = ()

    def about(self, meta: Mapping[str, object]) -> dict[str, object]:
        """Return what the writer said about tables, without the fields of the format."""
        own = {"format", "version", *self.sizes, *self.numbers}
        return {name: value for name, value in meta.items() if name not in own}

    def write(self, path: Path, arrays: Arrays, fields: Mapping[str, object]) -> None:
        """Write arrays as float32; `fields` are sizes, numbers and what is said about them."""
        meta = {**fields, "format": self.name, "version": VERSION}
        floats = {name: array.astype("<f4") for name, array in arrays.items()}
        write_archive(path, meta, floats, json_name=META)

    def read(self, path: Path) -> tuple[dict[str, NDArray[np.float32]], dict[str, object]]:
        """Read arrays, and `meta` as it was written.

        Raises
        ------
        DataError
            If the file is missing or damaged, of another format or version, or too large.
        """
        with open_archive(path, "explain the track again") as archive:
            meta = archive.json(META, dict[str, Any])
            found = meta.get("format"), meta.get("version")
            if found != (self.name, VERSION):
                raise DataError(f"it must be {self.name} version {VERSION}, got {found}")
            kinds = {**dict.fromkeys(self.sizes, int), **dict.fromkeys(self.numbers, float)}
            numbers: dict[str, Any] = {
                name: convert_json(meta.get(name), kinds[name], name) for name in kinds
            }
            sizes = {name: numbers[name] for name in self.sizes}
            largest = {name: MAX_STEMS if name == "n_stems" else LARGEST for name in sizes}
            if wrong := [name for name in sizes if not 0 <= sizes[name] <= largest[name]]:
                name = wrong[0]
                raise DataError(f"{name} must be 0 to {largest[name]}, got {sizes[name]}")
            shapes = self.shapes(*sizes.values())
            return {name: archive.array(name, shapes[name]) for name in shapes}, meta
