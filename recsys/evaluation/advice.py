"""Advice after a training: how uncertain its result is, and where the baseline is better."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import pandas as pd

from recsys import progress
from recsys.catalogue import Catalogue
from recsys.evaluation.baseline import STATISTICS, SpectrogramFeatures, baseline_scores
from recsys.evaluation.reliability import FEW_TRACKS
from recsys.metrics import auc_interval, ranking_metrics


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


def print_advice(
    catalogue: Catalogue, split: pd.DataFrame, *, auc: float, map: float, recipe: str
) -> None:
    """Print the advice of `beaten_by_baseline`, if there is one and somebody watches.

    An interrupt ends the advice only: by now the model is on disk.
    """
    if progress.are_hidden():
        return
    with contextlib.suppress(KeyboardInterrupt):
        if advice := beaten_by_baseline(catalogue, split, auc=auc, map=map, recipe=recipe):
            print(advice)


def beaten_by_baseline(
    catalogue: Catalogue,
    split: pd.DataFrame,
    *,
    auc: float,
    map: float,
    recipe: str = "published",
) -> str | None:
    """Return a line of advice if the baseline is better than a model on validation tracks.

    The baseline is fitted on the split's training tracks; better is the mean of AUC and MAP. It
    takes one spectrogram of each training and validation track, about 0.02 s for one of 30 s.

    Parameters
    ----------
    catalogue : Catalogue
    split : DataFrame with columns track_id, split, label
        Its training and its validation tracks have both labels.
    auc, map : float, in [0, 1]
        The model's on the validation tracks; nothing is computed where none can be better.
    recipe : 'published' or 'lemons'
        The model's: what it has not tried yet is advised.

    Returns
    -------
    str, or None if the model is as good as the baseline or better
    """
    if not auc + map < 2:  # perfect, or NaN
        return None
    train, valid = (split[split["split"] == part] for part in ("train", "valid"))
    features = SpectrogramFeatures()
    learnt, others = (
        features(catalogue, part["track_id"].tolist())[STATISTICS] for part in (train, valid)
    )
    scores = baseline_scores(STATISTICS, learnt, train["label"].to_numpy(), others)
    baseline = ranking_metrics(valid["label"].to_numpy(), scores)
    if baseline["auc"] + baseline["map"] <= auc + map:
        return None
    other = ", for more epochs, or with recipe=lemons" if recipe == "published" else ""
    return (
        f"advice: logistic regression on {STATISTICS} is better on the {len(valid)} validation "
        f"tracks, AUC {baseline['auc']:.3f}, MAP {baseline['map']:.3f} against the model's AUC "
        f"{auc:.3f}, MAP {map:.3f}: the model has learnt no more than averages of the spectrum "
        f"tell; train it on more tracks{other}"
    )
