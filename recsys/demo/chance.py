"""Random decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

import numpy as np

_T = TypeVar("_T")


def dice(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers of one decision."""
    return np.random.default_rng([seed, crc32(name.encode())])


def pick(draw: np.random.Generator, choices: Sequence[_T]) -> _T:
    """Choose one of several, all equally likely."""
    return choices[int(draw.integers(len(choices)))]


def decide(seed: int, name: str, choices: Sequence[_T]) -> _T:
    """Choose one of several as the decision of a name."""
    return pick(dice(seed, name), choices)
