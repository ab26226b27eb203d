"""Parquet files with a checksum of the whole file inside.

Parquet's own checksums cover the data of pages, but neither their headers nor the footer, which
holds the columns' names. `seal` puts a checksum of everything else between the pages and the
footer, where readers of Parquet do not look.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from lemons_utils import DataError

_MARK = b"LEMONS SHA-256 "
_SEAL_BYTES = len(_MARK) + hashlib.sha256().digest_size
_END_BYTES = 8  # the length of the footer, and "PAR1"
_CHUNK_BYTES = 1 << 20


def seal(path: Path) -> None:
    """Put a checksum into a Parquet file that has been written just now."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        footer = _footer_bytes(path, size)
        digest = _digest(path, size)
        file.seek(size - footer)
        content = file.read()
        file.seek(size - footer)
        file.write(_MARK + digest + content)


def check_sealed(path: Path) -> bool:
    """Return whether a Parquet file has a checksum, which is that of its content.

    The file is read for that once in a process as long as it does not change.

    Raises
    ------
    DataError
        If the content is another one than was written.
    OSError
        If the file cannot be read.
    """
    status = path.stat()
    return _check(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=64)
def _check(path: Path, modified_ns: int, size: int) -> bool:
    at = size - _footer_bytes(path, size) - _SEAL_BYTES
    with path.open("rb") as file:
        file.seek(max(at, 0))
        seal = file.read(_SEAL_BYTES)
    if at < 0 or not seal.startswith(_MARK):
        return False
    if seal[len(_MARK) :] != _digest(path, size, without=range(at, at + _SEAL_BYTES)):
        raise DataError(f"{path} has changed since it was written")
    return True


def _footer_bytes(path: Path, size: int) -> int:
    """Return the number of bytes from the footer's beginning to the end of a file."""
    with path.open("rb") as file:
        file.seek(max(size - _END_BYTES, 0))
        footer = int.from_bytes(file.read(4), "little") + _END_BYTES
    return min(footer, size)


def _digest(path: Path, size: int, without: range = range(0)) -> bytes:
    """Return the checksum of a file without a range of its bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for start, end in ((0, without.start), (without.stop, size)):
            file.seek(start)
            while start < end and (chunk := file.read(min(_CHUNK_BYTES, end - start))):
                digest.update(chunk)
                start += len(chunk)
    return digest.digest()
