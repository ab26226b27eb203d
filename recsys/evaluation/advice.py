"""What to keep in mind about the result of a training, a line for each reason."""

from __future__ import annotations

from collections.abc import Sequence

from recsys.metrics import auc_interval

FEW_TRACKS = 20
"""The number of validation tracks under which a training says how uncertain its AUC is."""


def few_tracks(auc: float, labels: Sequence[int]) -> str | None:
    """Return how uncertain the AUC of few validation tracks is; None if they are not few.

    Parameters
    ----------
    auc : float in [0, 1]
    labels : sequence of int, 0 or 1
        Those of the validation tracks; both occur.
    """
    tracks, listened = len(labels), sum(labels)
    if tracks >= FEW_TRACKS:
        return None
    low, high = auc_interval(auc, listened, tracks - listened)
    return (
        f"uncertain: {tracks} validation tracks leave the AUC {auc:.3f} between {low:.2f} and "
        f"{high:.2f} (95 % interval)"
    )
