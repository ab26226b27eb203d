"""What studies make of their numbers: rank correlations, seeds, intervals, tables of text."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lemons_utils import ParameterError

BOOTSTRAP_ROUNDS = 2000


def seed_of(*words: object) -> int:
    """Make a seed from words that name its use: the same on every machine, different for each."""
    text = "\0".join(map(str, words)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's rank correlation; NaN where one side is constant.

    Parameters
    ----------
    a, b : array_like [shape=(n,)]
    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ParameterError(f"expected two vectors of one length, got {x.shape} and {y.shape}")
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    from scipy.stats import spearmanr

    return float(spearmanr(x, y).statistic)


def interval(values: ArrayLike, *, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Bootstrap an interval of the mean: percentiles of the means of resampled values.

    Parameters
    ----------
    values : array_like [shape=(n,)]
        Independent of each other, e.g. one for each track; NaN is left out.
    level : float
    seed : int

    Returns
    -------
    low, high : float; NaN without values

    References
    ----------
    B. Efron, R. J. Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    low, high = curve_interval(np.asarray(values, np.float64)[:, None], level=level, seed=seed)
    return float(low[0]), float(high[0])


def curve_interval(
    curves: NDArray[np.float64], *, level: float = 0.95, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bootstrap an interval of the mean at every point of some curves [n, points]."""
    kept = curves[np.isfinite(curves).all(axis=1)]
    if not len(kept):
        missing = np.full(curves.shape[1], np.nan)
        return missing, missing
    generator = np.random.default_rng(seed)
    # How often each curve is drawn in each round: a product instead of a copy of all curves.
    drawn = generator.multinomial(
        len(kept), np.full(len(kept), 1 / len(kept)), size=BOOTSTRAP_ROUNDS
    )
    means = drawn @ kept / len(kept)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def share_interval(hits: ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Compute an interval of a share; unlike a bootstrapped one it has a width if all hits are 1.

    Parameters
    ----------
    hits : array_like [shape=(n,)]
        0 or 1, independent of each other.
    level : float

    Returns
    -------
    low, high : float in [0, 1]; 0 and 1 without hits or misses

    References
    ----------
    C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26, 1934.
    """
    values = np.asarray(hits, np.float64)
    if not np.isin(values, (0, 1)).all():
        raise ParameterError("a share is of hits that are 0 or 1")
    if not values.size:
        return 0.0, 1.0
    from scipy.stats import binomtest

    exact = binomtest(int(values.sum()), values.size).proportion_ci(level, method="exact")
    return float(exact.low), float(exact.high)


def mean_and_interval(values: ArrayLike, *, digits: int = 3) -> str:
    """Write a mean and its interval as text: `0.812 [0.790, 0.833]`."""
    array = np.asarray(values, np.float64)
    array = array[np.isfinite(array)]
    if not len(array):
        return "none"
    low, high = interval(array)
    return f"{array.mean():.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def side(values: ArrayLike) -> int:
    """Say on which side of zero a mean is: 1 or -1, or 0 where its interval holds zero."""
    low, high = interval(values)
    return int(low > 0) - int(high < 0)


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does: `a, b and c`."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def hits_of(hits: pd.Series[float]) -> str:
    """Write how many of some tracks are hits: `19 of 20`."""
    return f"{int(hits.sum())} of {len(hits)}"


def part_of(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Take the rows of a part of a study, with the columns that it has."""
    return rows[rows["part"] == name].dropna(axis=1, how="all")


def percent(values: pd.Series[float] | pd.Series[bool]) -> str:
    """Write a mean as per cent."""
    return f"{100 * float(values.mean()):.0f} %"


def table_of(
    rows: pd.DataFrame,
    by: Mapping[str, str],
    line: Callable[[pd.DataFrame], Mapping[str, str]],
    *,
    total: bool = False,
) -> pd.DataFrame:
    """Describe groups of rows as text, a line for each.

    Parameters
    ----------
    rows : DataFrame
    by : mapping from a column that makes the groups to its heading
    line : callable
        Maps the rows of a group to the cells of its line, by heading.
    total : bool
        Adds a line for all rows together.

    Returns
    -------
    DataFrame : the groups in the order in which they appear among the rows, of text
    """
    groups = [(names, group) for names, group in rows.groupby([*by], sort=False)]
    if total:
        groups.append((("all",) * len(by), rows))
    return pd.DataFrame([
        dict(zip(by.values(), map(str, names), strict=True)) | dict(line(group))
        for names, group in groups
    ])  # fmt: skip
