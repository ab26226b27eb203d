"""Keep the memory of large tensors with the process while a training runs."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # names of glibc's malloc.h
_MOST = 2**31 - 1
_MIB = 2**20


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let freed memory be used again at once instead of going back to the system.

    glibc asks the kernel anew for every tensor beyond 32 MiB, gets it page by page, each page
    filled with zeros, and returns it when the tensor is freed: a quarter of a training step.
    Within this context the process keeps the most it ever needed; afterwards it is returned.
    Where the C library is not glibc, nothing happens.
    """
    try:
        library = ctypes.CDLL(None)
        mallopt, malloc_trim = library.mallopt, library.malloc_trim
    except (OSError, TypeError, AttributeError):
        yield
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, _MOST)
    try:
        yield
    finally:
        mallopt(_MMAP_MAX, 65_536)
        mallopt(_MMAP_THRESHOLD, 32 * _MIB)  # where glibc's own adaption ends
        mallopt(_TRIM_THRESHOLD, 64 * _MIB)
        malloc_trim(0)
