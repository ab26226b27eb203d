"""Divide groups of tracks 80-10-10 so that no group is torn and every part has both labels."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

SHARES = (0.8, 0.1, 0.1)


def assign_groups(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each group a part, largest groups first, each to where it hurts least.

    Parameters
    ----------
    sizes : ndarray [shape=(groups, labels)], int64
        Tracks of each label in each group, in the order in which groups are placed. Every label
        must be in at least three groups; with two labels there is then always a way to have both
        in every part.

    Returns
    -------
    ndarray [shape=(groups,)], int64: 0 train, 1 valid, 2 test
    """
    free = _place(sizes, {})
    if _all_labels_everywhere(sizes, free):
        return free
    # Few or lopsided groups: let the smallest ones that will do hold a seat in each part.
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
        # what the squared miss of the targets, relative to them, grows by in each part
        growth = ((2 * (filled - targets) + size) * size / np.maximum(targets, 1e-9)).sum(axis=1)
        parts[group] = int(np.argmin(growth))
        filled[parts[group]] += size
    return parts


def _all_labels_everywhere(sizes: NDArray[np.int64], parts: NDArray[np.int64]) -> bool:
    return all((sizes[parts == part].sum(axis=0) > 0).all() for part in range(len(SHARES)))


def _seats(sizes: NDArray[np.int64]) -> dict[int, int]:
    """Pick groups that bring both labels to test, valid and train, the smallest first.

    A part takes either one group with both labels or two with one each. With three groups a
    label that always works out for three parts, if singles are spent before they are needed
    elsewhere: `b` groups with both and `s` pairs of singles have b + s >= 3.
    """
    both = sorted(np.flatnonzero((sizes > 0).all(axis=1)), key=lambda i: sizes[i].sum())
    first = sorted(
        np.flatnonzero((sizes[:, 0] > 0) & (sizes[:, 1] == 0)), key=lambda i: sizes[i, 0]
    )
    second = sorted(
        np.flatnonzero((sizes[:, 0] == 0) & (sizes[:, 1] > 0)), key=lambda i: sizes[i, 1]
    )
    pairs = list(zip(first, second, strict=False))
    sets = sorted(
        [*((group,) for group in both), *pairs], key=lambda groups: int(sizes[list(groups)].sum())
    )
    chosen = zip((2, 1, 0), sets, strict=False)
    return dict(
        itertools.chain.from_iterable(
            ((int(group), part) for group in groups) for part, groups in chosen
        )
    )
