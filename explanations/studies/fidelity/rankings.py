"""What the faithfulness study measures: relevance as components are switched off or on in order.

All answers come from the track's tables, so a curve costs look-ups.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from audiolime.components import KINDS
from audiolime.exact.lime import LimeWeights
from audiolime.exact.tables import Tables
from audiolime.metrics import Curve, complexity, deletion_curve, insertion_curve, top_k
from explanations.studies.measures import rank_correlation, seed_of
from explanations.studies.study import Item, Row
from explanations.studies.subjects import StudyContext

Vector = NDArray[np.float64]

METHODS = ("LIME", "Shapley", "leave-one-out")
ORDERS = (*METHODS, "pairs", "random", "reversed")
"""Orders in which components are switched: by the weights of a method, by LIME's model with pairs
step by step, at random, and in LIME's order from its end."""

RANDOM_ORDERS = 20

FORMAT = 3
"""Raised whenever the rows of a track change, so that tracks are measured anew."""


def measure(item: Item, *, context: StudyContext) -> list[Row]:
    """Measure all types of one track."""
    track = context.tables(item["user_name"], item["track_id"])
    identity = {name: item[name] for name in ("user_name", "track_id")}
    return [row for kind in KINDS for row in rate_track(track, kind, identity)]


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


Ratings = tuple[Vector, Vector]
"""Ratings of all components that rank them for deletion, and for insertion."""


def ratings_of(
    weights: dict[str, Vector], lime: LimeWeights, seed: int
) -> dict[str, list[Ratings]]:
    """Rate components so that they rank in each of the orders; in several random ones.

    Parameters
    ----------
    weights : dict from method to weights [components]
    lime : LimeWeights
        Of order 2.
    seed : int
    """
    generator = np.random.default_rng(seed)
    n = len(weights["LIME"])
    ratings = {method: [weights[method]] for method in METHODS}
    ratings["random"] = [generator.random(n) for _ in range(RANDOM_ORDERS)]
    ratings["reversed"] = [_reversed(weights["LIME"])]
    both = {order: [(rating, rating) for rating in several] for order, several in ratings.items()}
    both["pairs"] = [(_step_by_step(lime, deletion=True), _step_by_step(lime, deletion=False))]
    return {order: both[order] for order in ORDERS}


def _step_by_step(lime: LimeWeights, *, deletion: bool) -> Vector:
    """Rate components in the order in which the model with pairs would switch them.

    The next one is always that of the largest effect beside those that are on by then: what it
    takes away when it goes, or adds when it comes.
    """
    n = len(lime.weights)
    on, rating = np.full(n, float(deletion)), np.empty(n)
    waiting = list(range(n))
    for place in range(n, 0, -1):
        effect = lime.weights + (0.0 if lime.pairs is None else lime.pairs @ on)
        chosen = max(waiting, key=effect.__getitem__)
        waiting.remove(chosen)
        rating[chosen], on[chosen] = place, float(not deletion)
    return rating


def _reversed(weights: Vector) -> Vector:
    """Rate components so that they rank in exactly the opposite order, ties included."""
    rating = np.empty(len(weights))
    rating[top_k(weights, len(weights))] = np.arange(len(weights))
    return rating


def rate_track(track: Tables, kind: str, identity: Row) -> list[Row]:
    """Measure one kind of explanation of a track.

    Returns
    -------
    list of rows: first one with `part` 'explanation' (fidelity, agreement of the methods), then
    one for each order with `part` 'curve' (areas, and the curves themselves as text)
    """

    def evaluate(masks: NDArray[np.int64]) -> Vector:
        return track.relevance(masks, kind=kind)

    lime, weights = track.lime(kind=kind), weights_of(track, kind)
    with_pairs = track.lime(kind=kind, order=2)
    explanation = {
        "part": "explanation",
        "type": kind,
        "relevance": lime.original,
        "relevance_of_silence": track.levels(kind).nothing,
        "fidelity": lime.score,
        "fidelity_with_pairs": with_pairs.score,
        "complexity": complexity(lime.weights),
        "components": len(lime.weights),
        "components_for": int((lime.weights > 0).sum()),
    }
    rows = [identity | explanation | _agreement(weights)]
    seed = seed_of(identity["track_id"], kind)
    for order, ratings in ratings_of(weights, with_pairs, seed).items():
        row = identity | {"part": "curve", "type": kind, "order": order}
        curves = {
            "deletion": [deletion_curve(evaluate, rating) for rating, _ in ratings],
            "insertion": [insertion_curve(evaluate, rating) for _, rating in ratings],
        }
        row |= {
            f"{name}_area": float(np.mean([curve.area for curve in several]))
            for name, several in curves.items()
        }
        rows.append(row | {name: _as_text(several) for name, several in curves.items()})
    return rows


def _agreement(weights: dict[str, Vector]) -> Row:
    """Compare the methods two by two: rank correlation, same first, common top 3."""
    row: Row = {}
    for method, other in combinations(METHODS, 2):
        top, other_top = top_k(weights[method], 3), top_k(weights[other], 3)
        pair = f"{method} / {other}"
        row[f"{pair}: rank correlation"] = rank_correlation(weights[method], weights[other])
        row[f"{pair}: same first"] = float(top[0] == other_top[0])
        row[f"{pair}: common top 3"] = len({*top} & {*other_top}) / len(top)
    return row


def _as_text(curves: list[Curve]) -> str:
    """Write the mean of some curves in a cell: thousandths of relevance."""
    mean = np.mean([curve.relevance for curve in curves], axis=0)
    return " ".join(f"{1000 * value:.0f}" for value in mean)


def as_curves(cells: list[str]) -> NDArray[np.float64]:
    """Read curves from their cells, each stretched to 26 points, [n, 26]."""
    grid = np.linspace(0, 1, 26)
    curves = [np.array(cell.split(), dtype=np.float64) / 1000 for cell in cells]
    return np.array([np.interp(grid, np.linspace(0, 1, len(curve)), curve) for curve in curves])
