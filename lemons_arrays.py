"""NumPy archives of JSON and arrays, read within the sizes that are expected of them."""

from __future__ import annotations

import contextlib
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lemons_limits import MOST_BYTES_OF_ARRAYS, MOST_BYTES_OF_JSON, decode_json
from lemons_utils import DataError, first_line, write_beside

NO_ARRAY = (
    *(OSError, EOFError, KeyError, NotImplementedError, OverflowError, RuntimeError, SyntaxError),
    *(TokenError, TypeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error),
)
"""What NumPy raises for files of arrays that are damaged, and for other files."""

_HEADER_BYTES = 1 << 12  # of an array in its file: NumPy's take 128
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_READ = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}

T = TypeVar("T")


def array_header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read the shape and the type of an array from the beginning of its file; see `NO_ARRAY`."""
    version = np.lib.format.read_magic(file)
    if version[0] not in _READ:
        raise ValueError(f"NumPy's format {version}")
    shape, _, dtype = _READ[version[0]](file)
    return shape, dtype


def write_archive(
    path: Path, about: Mapping[str, object], arrays: Mapping[str, NDArray[Any]], *, json_name: str
) -> None:
    """Write arrays, and JSON that says what they are; each has its checksum in the archive.

    Parameters
    ----------
    path : Path
        Ends in `.npz`; written beside its name and renamed into place.
    about : mapping
        What JSON can hold.
    arrays : mapping of str to ndarray
    json_name : str
        The name of the JSON in the archive.
    """
    text = json.dumps(about, sort_keys=True, allow_nan=False).encode()
    members: dict[str, Any] = {json_name: np.frombuffer(text, dtype=np.uint8), **arrays}
    with write_beside(path) as temporary:
        np.savez(temporary, **members)


class Archive:
    """An open archive of arrays.

    Parameters
    ----------
    file : ZipFile
    """

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    def json(self, name: str, kind: type[T]) -> T:
        """Return JSON that `write_archive` wrote, as a type.

        Raises
        ------
        DataError
            If there is none, or it is of another type.
        """
        content = io.BytesIO(self._read(name, MOST_BYTES_OF_JSON))
        shape, dtype = array_header(content)
        if dtype != np.uint8 or len(shape) != 1:
            raise DataError(f"{name} must be text, got {dtype} of shape {shape}")
        return decode_json(content.read(), kind, name)

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return an array of float32; its size is checked before it is read.

        Raises
        ------
        DataError
            If there is none, or it is of another type or shape.
        """
        size = 4 * math.prod(shape)
        if size > MOST_BYTES_OF_ARRAYS:
            raise DataError(
                f"{name} of shape {shape} would take {size:,} bytes, "
                f"{MOST_BYTES_OF_ARRAYS:,} are allowed"
            )
        content = io.BytesIO(self._read(name, size))
        found, dtype = array_header(content)
        if found != shape or dtype != np.float32:
            raise DataError(
                f"{name} must be float32 of shape {shape}, got {dtype} of shape {found}"
            )
        content.seek(0)
        array: NDArray[np.float32] = np.lib.format.read_array(content, allow_pickle=False)
        return array

    def check(self) -> None:
        """Raise `DataError` if a member differs from its checksum."""
        if damaged := self._file.testzip():
            raise DataError(f"it has another {damaged} than was written")

    def _read(self, name: str, size: int) -> bytes:
        """Return a member, which has its header and at most so many bytes; check its checksum."""
        member = self._file.getinfo(f"{name}.npy")
        if member.file_size > size + _HEADER_BYTES:
            raise DataError(f"{name} has {member.file_size:,} bytes, expected at most {size:,}")
        if member.compress_type not in _PLAIN:
            raise DataError(f"{name} is packed in an unknown way")
        return self._file.read(member)


@contextlib.contextmanager
def open_archive(path: Path, mend: str) -> Iterator[Archive]:
    """Open an archive that `write_archive` wrote; errors of reading it become `DataError`.

    Parameters
    ----------
    path : Path
    mend : str
        What to do if it cannot be read, as the end of the error message.
    """
    try:
        with zipfile.ZipFile(path) as file:
            yield Archive(file)
    except NO_ARRAY as error:  # among them DataError
        raise DataError(f"{path} cannot be used ({first_line(error)}): {mend}") from error


def check_archive(path: Path) -> None:
    """Raise `DataError` if a member of an archive differs from its checksum."""
    with open_archive(path, "remove it") as archive:
        archive.check()
