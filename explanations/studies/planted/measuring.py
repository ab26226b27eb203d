"""What the study of planted tastes measures of one track."""

from __future__ import annotations

import math

import numpy as np

from explanations.explain import explain
from explanations.studies.planted.truth import ablated, planted_components, ranked
from explanations.studies.study import Item, Row
from explanations.studies.subjects import StudyContext
from lemons_audio import to_float32
from recsys.demo.band import mix, render
from recsys.demo.planted import PLANTED, likes, planted_song, without
from recsys.demo.song import STEMS


def measure(item: Item, *, context: StudyContext) -> list[Row]:
    """Measure one item: the stems of a track, the explanations of one, or a control."""
    match item["part"]:
        case "loudness":
            return _loudness(item["seed"])
        case "control":
            return _control(item, context)
        case _:
            return _explanations(item, context)


def _loudness(seed: int) -> list[Row]:
    """Measure how loud each planted stem of a track is, over all of it [dB of full scale]."""
    power = np.square(to_float32(render(planted_song(seed)))).mean(axis=1, dtype=np.float64)
    return [
        {
            "part": "loudness",
            "user_name": user_name,
            "seed": seed,
            "label": int(likes(user_name, seed)),
            "stem": planted.stem,
            "loudness_db": 10 * math.log10(loudness) if loudness else None,
        }
        for user_name, planted in PLANTED.items()
        for loudness in [float(power[STEMS.index(planted.stem)])]
    ]


def _explanations(item: Item, context: StudyContext) -> list[Row]:
    """Explain a track by Source and Time, and by Time + Source where that is asked for."""
    user_name, seed = item["user_name"], int(item["seed"])
    stem, solo = PLANTED[user_name].stem, planted_song(seed).piano_solo
    listener, subject = context.listener(user_name), context.subject(item["track_id"])
    tables = context.tables(user_name, item["track_id"]) if item["cells"] else None
    components = planted_components(subject, stem, solo if user_name == "piano-solo" else None)
    identity = {name: item[name] for name in ("user_name", "track_id", "seed")}
    rows: list[Row] = []
    for kind, planted in components.items():
        if tables is not None:
            weights, shapley = tables.lime(kind=kind).weights, tables.shapley(kind)
        elif kind != "time_source":
            explanation = explain(listener, subject, kind)
            weights, shapley = np.array(explanation.weights), np.array(explanation.shapley)
        else:
            continue
        rows.append({"part": kind, **identity, **ranked(weights, shapley, planted)})
    names = subject.stems.names
    first = int(rows[0]["first"])
    other_mix = to_float32(mix(render(without(user_name, seed))))
    relevances = ablated(listener.network, subject, names.index(stem), first, other_mix)
    rows[0] |= {"first_stem": names[first], **relevances}
    return rows


def _control(item: Item, context: StudyContext) -> list[Row]:
    """Explain by Source a track that lacks the property, though its stem sounds."""
    user_name = item["user_name"]
    subject = context.subject(item["track_id"])
    explanation = explain(context.listener(user_name), subject, "source")
    names, weights = subject.stems.names, np.array(explanation.weights)
    planted = names.index(PLANTED[user_name].stem)
    identity = {name: item[name] for name in ("part", "user_name", "track_id", "seed")}
    ranks = ranked(weights, np.array(explanation.shapley), {planted})
    return [
        {
            **identity,
            **ranks,
            "weight": float(weights[planted]),
            "relevance": explanation.relevance,
            "first_stem": names[int(ranks["first"])],
        }
    ]
