"""Faithfulness of one track's rankings: what happens to relevance as components go or come.

All answers come from the track's tables, so a curve costs look-ups.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from audiolime.exact.tables import Tables
from audiolime.metrics import Curve, complexity, deletion_curve, insertion_curve, top_k
from explanations.store import TYPES
from explanations.studies.measures import rank_correlation, seed_of
from explanations.studies.study import Item, Row
from explanations.studies.subjects import StudyContext

Vector = NDArray[np.float64]

METHODS = ("LIME", "Shapley", "leave-one-out")
ORDERS = (*METHODS, "random", "reversed")
"""In which components go or come; reversed is LIME's order from its end."""

RANDOM_ORDERS = 20

FORMAT = 2
"""Raised whenever the rows of a track change: what was measured before does not count then."""


def measure(item: Item, *, context: StudyContext) -> list[Row]:
    """Measure all types of one track."""
    track = context.tables(item["user_name"], item["track_id"])
    identity = {name: item[name] for name in ("user_name", "track_id")}
    return [row for kind in TYPES for row in rate_track(track, kind, identity)]


def weights_of(track: Tables, kind: str) -> dict[str, Vector]:
    """Rate the components of a track by each method, exactly.

    Returns
    -------
    dict from method to weights [components]
        Leave-one-out is what relevance loses when that component alone is off.
    """
    n = track.components(kind).count
    relevance = track.relevance(np.vstack([np.ones((1, n)), 1 - np.eye(n)]), kind=kind)
    return {
        "LIME": track.lime(kind=kind).weights,
        "Shapley": track.shapley(kind),
        "leave-one-out": relevance[0] - relevance[1:],
    }


def curves_of(
    track: Tables, kind: str, weights: dict[str, Vector], seed: int
) -> dict[str, tuple[list[Curve], list[Curve]]]:
    """Draw deletion and insertion curves of every order; of several random ones."""
    n = track.components(kind).count
    generator = np.random.default_rng(seed)
    ratings = {name: [weights[name]] for name in METHODS}
    ratings["random"] = [generator.random(n) for _ in range(RANDOM_ORDERS)]
    ratings["reversed"] = [_reversed(weights["LIME"])]

    def evaluate(masks: NDArray[np.int64]) -> Vector:
        return track.relevance(masks, kind=kind)

    return {
        name: (
            [deletion_curve(evaluate, one) for one in many],
            [insertion_curve(evaluate, one) for one in many],
        )
        for name, many in ratings.items()
    }


def _reversed(weights: Vector) -> Vector:
    """Rate components so that they rank in exactly the opposite order, ties included."""
    rating = np.empty(len(weights))
    rating[top_k(weights, len(weights))] = np.arange(len(weights))
    return rating


def rate_track(track: Tables, kind: str, who: Row) -> list[Row]:
    """Measure one explanation type of a track.

    Returns
    -------
    list of rows: first one with `part` 'explanation' (fidelity, agreement of the methods), then
    one a ranking with `part` 'curve' (areas, and the curves themselves as text)
    """
    lime = track.lime(kind=kind)
    weights = weights_of(track, kind)
    rows: list[Row] = [
        who
        | {
            "part": "explanation",
            "type": kind,
            "relevance": lime.original,
            "relevance_of_silence": track.levels(kind).nothing,
            "fidelity": lime.score,
            "complexity": complexity(lime.weights),
            "components": len(lime.weights),
            "components_for": int((lime.weights > 0).sum()),
        }
        | _agreement(weights)
    ]
    seed = seed_of(who["track_id"], kind)
    for name, (deletions, insertions) in curves_of(track, kind, weights, seed).items():
        rows.append(
            who
            | {
                "part": "curve",
                "type": kind,
                "order": name,
                "deletion_area": float(np.mean([curve.area for curve in deletions])),
                "insertion_area": float(np.mean([curve.area for curve in insertions])),
                "deletion": _as_text(deletions),
                "insertion": _as_text(insertions),
            }
        )
    return rows


def _agreement(weights: dict[str, Vector]) -> Row:
    """Compare the methods two by two: rank correlation, same first, common top 3."""
    found: Row = {}
    for one, other in combinations(METHODS, 2):
        a, b = top_k(weights[one], 3), top_k(weights[other], 3)
        pair = f"{one} / {other}"
        found[f"{pair}: rank correlation"] = rank_correlation(weights[one], weights[other])
        found[f"{pair}: same first"] = float(a[0] == b[0])
        found[f"{pair}: common top 3"] = len({*a} & {*b}) / len(a)
    return found


def _as_text(curves: list[Curve]) -> str:
    """Write the mean of some curves in a cell: thousandths of relevance."""
    mean = np.mean([curve.relevance for curve in curves], axis=0)
    return " ".join(f"{1000 * value:.0f}" for value in mean)


def as_curves(cells: list[str]) -> NDArray[np.float64]:
    """Read curves from their cells, each stretched to 26 points, [n, 26]."""
    grid = np.linspace(0, 1, 26)
    curves = [np.array(cell.split(), dtype=np.float64) / 1000 for cell in cells]
    return np.array([np.interp(grid, np.linspace(0, 1, len(one)), one) for one in curves])
