"""Average the Source explanations of a listener's tracks: shares of relevance, with sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from explanations.store import Explanation
from lemons_utils import ParameterError

SPREAD = (10, 90)
"""Percentiles of the tracks between which `low` and `high` of a part lie."""


@dataclass(frozen=True)
class Example:
    """The track in which a part carries most.

    Parameters
    ----------
    track_id : str
    share : float
        Of the track's relevance.
    stem_names : tuple of str
        Those of the track, in the order of an explanation's components.
    """

    track_id: str
    share: float
    stem_names: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A stem, or a pair of stems, and what it carries.

    A stem's share of a track is its Shapley value divided by the track's relevance; that of a pair
    is their Shapley interaction: what the two add together beyond what each adds alone. A track
    in which a part does not sound counts as 0.

    Parameters
    ----------
    stems : tuple of str, one or two
    share : float
        Mean over all tracks; negative speaks against them.
    low, high : float
        Between them lie four fifths of the tracks.
    sounding : int
        In how many tracks it sounds.
    example : Example
        The clearest: the track of the largest share with the sign of the mean.
    """

    stems: tuple[str, ...]
    share: float
    low: float
    high: float
    sounding: int
    example: Example


@dataclass(frozen=True)
class TasteProfile:
    """What carries the tracks that a listener's model recommends most.

    Parameters
    ----------
    user_name : str
    model_checksum : str
    tracks : int
    silence : float
        Mean share of what the model says of nothing at all; with those of the stems it adds up
        to 1.
    stems, pairs : tuple of Part, the largest share first; pairs by size
    """

    user_name: str
    model_checksum: str
    tracks: int
    silence: float
    stems: tuple[Part, ...]
    pairs: tuple[Part, ...]


def taste_profile(
    user_name: str, model_checksum: str, explanations: Mapping[str, Explanation]
) -> TasteProfile:
    """Average Source explanations of a listener's tracks.

    Parameters
    ----------
    user_name, model_checksum : str
        Whose they are.
    explanations : mapping from track_id to Explanation
        With Shapley values, that is of all masks.

    Raises
    ------
    ParameterError
        If there are none, or one is of another kind, of another model or of sampled masks.
    """
    if not explanations:
        raise ParameterError("a taste profile needs at least one Source explanation, got none")
    shares: dict[tuple[str, ...], dict[str, float]] = {}
    silence = []
    for track_id, explanation in explanations.items():
        if explanation.kind != "source" or explanation.shapley is None:
            raise ParameterError(
                f"a taste profile needs Source explanations of all masks, track {track_id} has "
                f"one of {explanation.request.num_samples} masks of kind {explanation.kind}"
            )
        if explanation.request.model_checksum != model_checksum:
            raise ParameterError(f"the explanation of track {track_id} is of another model")
        of_track = _shares(explanation)
        silence.append(1.0 - sum(share for stems, share in of_track.items() if len(stems) == 1))
        for stems, share in of_track.items():
            shares.setdefault(stems, {})[track_id] = share
    names = {track_id: each.stem_names for track_id, each in explanations.items()}
    parts = [_part(stems, of_tracks, names) for stems, of_tracks in shares.items()]
    single = sorted((part for part in parts if len(part.stems) == 1), key=lambda part: -part.share)
    pairs = sorted((part for part in parts if len(part.stems) == 2), key=lambda p: -abs(p.share))
    return TasteProfile(
        user_name,
        model_checksum,
        len(explanations),
        float(np.mean(silence)),
        tuple(single),
        tuple(pairs),
    )


def _shares(explanation: Explanation) -> dict[tuple[str, ...], float]:
    """Return the share of every stem and every pair of stems of a track."""
    names, relevance = explanation.stem_names, max(explanation.relevance, 1e-9)
    shares = dict.fromkeys(map(_ordered, combinations(names, 2)), 0.0)
    for pair in explanation.pairs or ():
        shares[_ordered((names[pair.first], names[pair.second]))] = pair.interaction / relevance
    for name, value in zip(names, explanation.shapley or (), strict=True):
        shares[(name,)] = value / relevance
    return shares


def _ordered(pair: tuple[str, str]) -> tuple[str, ...]:
    return tuple(sorted(pair))


def _part(
    stems: tuple[str, ...], of_tracks: Mapping[str, float], names: Mapping[str, tuple[str, ...]]
) -> Part:
    values: NDArray[np.float64] = np.zeros(len(names))
    values[: len(of_tracks)] = list(of_tracks.values())
    mean = float(values.mean())
    sign = -1.0 if mean < 0 else 1.0
    clearest = max(of_tracks, key=lambda track_id: (sign * of_tracks[track_id], track_id))
    low, high = np.percentile(values, SPREAD)
    example = Example(clearest, of_tracks[clearest], names[clearest])
    return Part(stems, mean, float(low), float(high), len(of_tracks), example)
