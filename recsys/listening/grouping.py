"""Divide whole groups of tracks 80-10-10 so that every part has both labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHARES = (0.8, 0.1, 0.1)


def assign_groups(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Assign each group to a part, largest groups first, at the least squared error of the sizes.

    Parameters
    ----------
    sizes : ndarray [shape=(groups, labels)], int64
        Tracks of each label in each group, in the order in which groups are assigned. Every label
        must be in at least three groups; then a division with both labels in every part exists.

    Returns
    -------
    ndarray [shape=(groups,)], int64: 0 train, 1 valid, 2 test
    """
    free = _place(sizes, {})
    if _all_labels_everywhere(sizes, free):
        return free
    # Few or uneven groups: first reserve in each part the smallest groups with both labels.
    return _place(sizes, _seats(sizes))


def _place(sizes: NDArray[np.int64], seats: dict[int, int]) -> NDArray[np.int64]:
    targets = np.outer(SHARES, sizes.sum(axis=0))
    filled = np.zeros_like(targets)
    parts = np.empty(len(sizes), dtype=np.int64)
    for group, part in seats.items():
        parts[group] = part
        filled[part] += sizes[group]
    for group, size in enumerate(sizes):
        if group in seats:
            continue
        # growth of the squared error of the sizes, relative to their targets, in each part
        growth = ((2 * (filled - targets) + size) * size / np.maximum(targets, 1e-9)).sum(axis=1)
        parts[group] = int(np.argmin(growth))
        filled[parts[group]] += size
    return parts


def _all_labels_everywhere(sizes: NDArray[np.int64], parts: NDArray[np.int64]) -> bool:
    return all((sizes[parts == part].sum(axis=0) > 0).all() for part in range(len(SHARES)))


def _seats(sizes: NDArray[np.int64]) -> dict[int, int]:
    """Choose groups that bring both labels to test, valid and train, the smallest first.

    A part takes either one group with both labels or two groups with one label each. With three
    groups per label, `b` groups with both labels and `s` pairs of groups with one label satisfy
    b + s >= 3, so there are always enough for three parts.
    """

    def smallest_first(first: bool, second: bool) -> list[int]:
        groups = np.flatnonzero(((sizes > 0) == (first, second)).all(axis=1))
        return sorted(groups.tolist(), key=lambda group: sizes[group].sum())

    pairs = zip(smallest_first(True, False), smallest_first(False, True), strict=False)
    sets = [*((group,) for group in smallest_first(True, True)), *pairs]
    sets.sort(key=lambda groups: sizes[list(groups)].sum())
    return {group: part for part, groups in zip((2, 1, 0), sets, strict=False) for group in groups}
