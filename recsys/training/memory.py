"""Keep the memory of freed tensors during a training."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # names of glibc's malloc.h
_MIB = 2**20


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep the memory of freed tensors for the next ones within this context.

    Without it, glibc asks the kernel for every tensor beyond 32 MiB, page by page, and returns
    it when the tensor is freed: a quarter of a training step. The memory is returned at the end.
    With another C library, nothing changes.
    """
    try:
        library = ctypes.CDLL(None)
        mallopt, malloc_trim = library.mallopt, library.malloc_trim
    except (OSError, TypeError, AttributeError):
        yield
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        mallopt(_MMAP_MAX, 65_536)
        mallopt(_MMAP_THRESHOLD, 32 * _MIB)  # where glibc's own adaption ends
        mallopt(_TRIM_THRESHOLD, 64 * _MIB)
        malloc_trim(0)
