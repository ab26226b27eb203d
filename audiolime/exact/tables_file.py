"""Files of tables: NumPy archives of float32 arrays, and JSON that says how large they are."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lemons_utils import DataError, write_beside

VERSION = 1
LARGEST = 2**20
"""Largest size that a file may name, far above any that exists."""
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
        text = json.dumps(meta, sort_keys=True).encode()
        with write_beside(path) as temporary:
            floats: dict[str, Any] = {name: array.astype("<f4") for name, array in arrays.items()}
            np.savez(temporary, meta=np.frombuffer(text, dtype=np.uint8), **floats)

    def read(self, path: Path) -> tuple[dict[str, NDArray[np.float32]], dict[str, object]]:
        """Read arrays, and `meta` as it was written.

        Raises
        ------
        DataError
            If the file is missing, of another format or version, or its arrays do not fit.
        """
        names = self.shapes(*[1] * len(self.sizes))
        try:
            with np.load(path, allow_pickle=False) as file:
                meta = json.loads(file["meta"].tobytes().decode())
                arrays = {name: file[name] for name in names}
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} holds no tables ({error}): explain the track again") from error
        self._check(path, meta, arrays)
        return arrays, meta

    def _check(self, path: Path, meta: Mapping[str, object], arrays: Arrays) -> None:
        found = (meta.get("format"), meta.get("version")) if isinstance(meta, dict) else None
        if not isinstance(meta, dict) or found != (self.name, VERSION):
            raise DataError(f"{path} must be {self.name} version {VERSION}, got {found}")
        sizes = [size for name in self.sizes if _is_size(size := meta.get(name))]
        if len(sizes) < len(self.sizes) or int(str(meta["n_stems"])) > MAX_STEMS:
            raise DataError(f"{path} must say in whole numbers what {', '.join(self.sizes)} are")
        for name in self.numbers:
            value = meta.get(name)
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise DataError(f"{path}: {name} must be a number, got {value!r}")
        expected = self.shapes(*sizes)
        for name, array in arrays.items():
            if array.shape != expected[name] or array.dtype != np.float32:
                raise DataError(
                    f"{path}: {name} must be float32 of shape {expected[name]}, "
                    f"got {array.dtype} of shape {array.shape}"
                )


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST
