"""Heads of people without a listening history: from a list of what they like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lemons_utils import ParameterError
from recsys.catalogue import Catalogue
from recsys.heads.fitting import Head, fit_to_removals
from recsys.heads.loudness import with_loudness
from recsys.heads.pooled import pooled_tracks
from recsys.heads.trunk import Trunk

LEAST_LIKED = 3
"""Fewest liked tracks that a head is fitted to."""

LIST_STRENGTH = 0.01
"""Inverse strength C of the regularisation: few tracks need a weaker one."""


def fit_head(
    trunk: Trunk,
    catalogue: Catalogue,
    *,
    liked: Sequence[str],
    disliked: Sequence[str] = (),
    strength: float = LIST_STRENGTH,
) -> Head:
    """Fit a head to liked and disliked tracks and to what removals leave of them.

    The other tracks that the trunk was made of count as disliked, too, all together as much as the
    liked ones: of three likes the head learns more from them than from three dislikes.

    Parameters
    ----------
    trunk : Trunk
    catalogue : Catalogue
        That of the tracks; statistics that are missing are computed and kept.
    liked, disliked : sequence of str
        Ids of different tracks, at least three liked ones.
    strength : float > 0
        Inverse strength C of the regularisation.

    Raises
    ------
    ParameterError
        If there are fewer liked tracks, or a track is in both lists.
    DataError
        If a track has no audio.
    """
    liked, disliked = list(dict.fromkeys(liked)), list(dict.fromkeys(disliked))
    if len(liked) < LEAST_LIKED:
        raise ParameterError(f"expected at least {LEAST_LIKED} liked tracks, got {len(liked)}")
    if both := set(liked) & set(disliked):
        raise ParameterError(f"{len(both)} tracks are liked and disliked, e.g. {min(both)}")
    tracks = pooled_tracks(catalogue, [*liked, *disliked])
    known = trunk.coordinates(np.stack([[each.whole, *each.removed] for each in tracks]))
    chosen = {*liked, *disliked}
    others = [at for at, name in enumerate(trunk.about.get("sample", ())) if name not in chosen]
    if not others and not disliked:
        raise ParameterError("nothing is left that is not liked: name disliked tracks")
    heard = np.concatenate([known, trunk.sample[others].reshape(-1, *known.shape[1:])])
    labels = np.arange(len(heard)) < len(liked)
    weights = np.ones(len(heard))
    weights[len(tracks) :] = len(liked) / max(len(others), 1)
    heard = with_loudness(heard, 0.0)  # which few tracks say nothing of
    return fit_to_removals(
        heard[:, 0], heard[:, 1:], labels.astype(np.int64), weights=weights, strength=strength
    )
