"""What the stability study measures of one track."""

from __future__ import annotations

import numpy as np

from audiolime.metrics import stability, top_k
from explanations.studies.measures import rank_correlation, seed_of
from explanations.studies.study import Item, Row
from explanations.studies.subjects import StudyContext

EXACT = "exhaustive"
"""The number of samples of the exact weights."""


def measure(item: Item, *, context: StudyContext) -> list[Row]:
    """Explain one track again and again; one row for each number of samples."""
    track = context.tables(item["user_name"], item["track_id"])
    kind, k = item["type"], item["k"]
    exact = track.lime(kind=kind)
    true_top = set(top_k(exact.weights, k))
    ranked = np.sort(exact.weights)[::-1]
    identity = {name: item[name] for name in ("user_name", "track_id")}
    track_row = {
        "relevance": exact.original,
        "gap": float(ranked[k - 1] - ranked[k]) if len(ranked) > k else None,
    }
    rows: list[Row] = []
    for num_samples in item["num_samples"]:
        seeds = [seed_of(item["track_id"], num_samples, turn) for turn in range(item["repeat"])]
        sampled = [track.lime(num_samples, kind=kind, random_state=seed) for seed in seeds]
        weights = np.array([lime.weights for lime in sampled])
        overlaps = np.array([len(true_top & set(top_k(row, k))) for row in weights]) / len(true_top)
        correlations = [rank_correlation(row, exact.weights) for row in weights]
        rows.append({
            "num_samples": str(num_samples),
            "unique": stability(weights, k),
            "top_is_true": float(np.mean(overlaps == 1)),
            "overlap": float(np.mean(overlaps)),
            "rank_correlation": float(np.mean(correlations)),
            "fidelity": float(np.mean([lime.score for lime in sampled])),
        })  # fmt: skip
    rows.append({
        "num_samples": EXACT,
        "unique": len(true_top),
        **dict.fromkeys(("top_is_true", "overlap", "rank_correlation"), 1.0),
        "fidelity": exact.score,
    })  # fmt: skip
    return [identity | row | track_row for row in rows]
