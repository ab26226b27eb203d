"""What the sanity study measures of one model or one track."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from audiolime.metrics import top_k
from explanations.explain.answers import engine_of
from explanations.studies.measures import rank_correlation, seed_of
from explanations.studies.sanity.randomised import (
    SHUFFLED,
    TRUE,
    TrainingVariant,
    auc,
    layers_of,
    randomised,
    train,
)
from explanations.studies.study import Item, Row
from explanations.studies.subjects import StudyContext
from recsys.model import Network

Vector = NDArray[np.float64]


# -- layers at random --------------------------------------------------------------------------
def weights_of(network: Network, context: StudyContext, track_id: str, kind: str) -> Vector:
    """Explain the logit of a track by all masks."""
    subject = context.subject(track_id)
    engine = engine_of(network, subject.stems.waveforms, subject.components(kind))
    return engine.lime(output="logit").weights


def measure_layers(item: Item, *, context: StudyContext) -> list[Row]:
    """Compare a model's explanation with those of its randomised copies, a row for each depth.

    Depths that a network of fewer layers does not have are left out.
    """
    user_name, track_id = item["user_name"], item["track_id"]
    network = context.listener(user_name).network
    kind = item["type"]
    trained = weights_of(network, context, track_id, kind)
    rows: list[Row] = []
    every = range(1, layers_of(network) + 1)
    for depth in [depth for depth in item["depths"] or every if depth in every]:
        seed = seed_of(user_name, track_id, depth)
        weights = weights_of(randomised(network, depth, seed), context, track_id, kind)
        rows.append({
            "user_name": user_name,
            "track_id": track_id,
            "depth": depth,
        } | likeness(weights, trained))  # fmt: skip
    return rows


def likeness(a: Vector, b: Vector) -> Row:
    """Compare two explanations: ranks of weights, of their size, and the top 3."""
    return {
        "correlation": rank_correlation(a, b),
        "absolute_correlation": rank_correlation(np.abs(a), np.abs(b)),
        "common_top_3": len({*top_k(a, 3)} & {*top_k(b, 3)}) / min(3, len(a)),
    }


# -- shuffled labels ---------------------------------------------------------------------------
def variants(user_name: str) -> list[TrainingVariant]:
    """Return two variants with true labels and two with shuffled ones, of a half each."""
    return [
        TrainingVariant(user_name, labels, half) for labels in (TRUE, SHUFFLED) for half in (0, 1)
    ]


def measure_model(item: Item, *, context: StudyContext) -> list[Row]:
    """Train one model and judge it by tracks that it has not heard."""
    variant = TrainingVariant(item["user_name"], item["labels"], item["half"])
    network = train(context.catalogue, variant, context.cache)
    return [{
        "part": "model",
        "user_name": variant.user_name,
        "labels": variant.labels,
        "half": variant.half,
        "auc": auc(network, context.catalogue, variant.user_name),
    }]  # fmt: skip


def measure_labels(item: Item, *, context: StudyContext) -> list[Row]:
    """Explain one track by all four models; one row for each two of them."""
    models = variants(item["user_name"])
    networks = [train(context.catalogue, model, context.cache) for model in models]
    weights = [weights_of(network, context, item["track_id"], item["type"]) for network in networks]
    return [
        {
            "part": "pair",
            "user_name": item["user_name"],
            "track_id": item["track_id"],
            "pair": f"{models[a].labels} / {models[b].labels}",
        }
        | likeness(weights[a], weights[b])
        for a, b in combinations(range(len(models)), 2)
    ]
