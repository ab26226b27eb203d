"""What the sanity study shows: tables, a picture, and its section of the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from audiolime.components import OF_SEGMENTS
from explanations.store import TITLES
from explanations.studies.measures import interval, listed, mean_and_interval, side, table_of
from explanations.studies.results import read_results, runs_of
from explanations.studies.sanity.randomised import CASCADE, SHUFFLED, TRUE
from explanations.studies.study import StudySection
from recsys.evaluation import plots

TITLE = "Sanity"

KNOWS = 0.65
"""AUC from which on a model counts as one that knows something of a listener's taste."""

MEASURES = {
    "correlation": "rank correlation",
    "absolute_correlation": "of the weights' size",
    "common_top_3": "common top 3",
}
PAIRS = {
    f"{TRUE} / {TRUE}": "two models of the true labels",
    f"{TRUE} / {SHUFFLED}": "one of each",
    f"{SHUFFLED} / {SHUFFLED}": "two models of shuffled labels",
}


def layer_table(layers: pd.DataFrame) -> pd.DataFrame:
    """Likeness to the trained model's explanation, a line for each depth."""
    names = layers["depth"].map(lambda depth: ", ".join(CASCADE[:depth]))
    rows = layers.assign(names=names).sort_values("depth", kind="stable")
    return table_of(rows, {"names": "layers at random"}, _likenesses)


def label_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Likeness of two models' explanations of the same track, by what they learned from.

    The pairs of a track are averaged first: tracks are what the intervals resample.
    """
    means = pairs.groupby(["pair", "user_name", "track_id"], as_index=False)[[*MEASURES]].mean()
    return pd.DataFrame([
        {"explanations of": title} | _likenesses(means[means["pair"] == pair])
        for pair, title in PAIRS.items()
    ])  # fmt: skip


def _likenesses(rows: pd.DataFrame) -> dict[str, str]:
    return {title: mean_and_interval(rows[name]) for name, title in MEASURES.items()}


def model_table(models: pd.DataFrame) -> pd.DataFrame:
    """AUC of the models on tracks that no training heard."""
    return table_of(
        models,
        {"user_name": "listener", "labels": "labels"},
        lambda group: {
            "AUC, unheard tracks": " and ".join(f"{value:.3f}" for value in group["auc"])
        },
    )


def draw(layers: pd.DataFrame, path: Path) -> None:
    """Draw the likeness to the trained model's explanation over the depth."""
    figure = plots.new_figure(9.0, 4.2)
    axes = figure.subplots()
    depths = sorted(layers["depth"].unique())
    for place, (name, title) in enumerate(MEASURES.items()):
        values = [layers[name][layers["depth"] == depth] for depth in depths]
        means = [1.0, *(float(value.mean()) for value in values)]
        spans = [(1.0, 1.0), *(interval(value) for value in values)]
        colour, at = plots.COLOURS[place], [0, *depths]
        axes.fill_between(at, *zip(*spans, strict=True), color=colour, alpha=0.15, linewidth=0)
        axes.plot(at, means, "o-", color=colour, label=title)
    axes.axhline(0, **plots.REFERENCE)
    axes.set_xticks([0, *depths], ["trained", *(f"+ {CASCADE[depth - 1]}" for depth in depths)])
    plots.tidy(axes, xlabel="layers at random, from the top down", ylabel="likeness to the trained")
    plots.legend_above(figure, ncols=len(MEASURES))
    plots.save_figure(figure, path)


def section(folder: Path) -> StudySection:
    """Describe the results in a folder."""
    tables, pictures, findings, facts, models_of_runs = [], [], [], [], []
    for run in runs_of(folder, "sanity"):
        layers, about = read_results(folder, run)
        labels = pd.read_csv(folder / f"{run}_labels.csv")
        models, pairs = (labels[labels["part"] == part] for part in ("model", "pair"))
        described = _describe(about, layers)
        tables += [
            (f"Layers at random: likeness to the trained. {described}.", layer_table(layers)),
            *(
                (f"Shuffled labels: likeness of two models. {described}; here {name}.",
                 label_table(group))
                for name, group in pairs.groupby("user_name")
            ),
        ]  # fmt: skip
        pictures.append(
            (f"Likeness to the trained model's explanation. {described}.", f"{run}.png")
        )
        first, *more = _findings(layers, models, pairs)
        findings += [f"{described}. {first}", *more]
        facts.append(about)
        models_of_runs.append(models)
    models = pd.concat(models_of_runs).drop_duplicates(["user_name", "labels", "half"])
    tables.append(("Shuffled labels: what the models know", model_table(models)))
    return StudySection(
        title=TITLE,
        question="Layers at random: from the top down, layers go back to untrained weights, and "
        "a head on local statistics, which has one that learns, to its weights in random order; "
        "explanations (all masks, of the logit) are compared with the trained model's. Shuffled "
        "labels: for each listener a head on local statistics is fitted to either half of the "
        "training tracks, once with the true labels and once with labels in random order, and "
        "every two of these models explain the same tracks. Intervals: 95 %, bootstrap over "
        "tracks.",
        findings=findings,
        tables=tables,
        pictures=pictures,
        facts=facts,
    )


def _describe(about: Mapping[str, Any], layers: pd.DataFrame) -> str:
    """Name a run: type, segments, tracks."""
    segments = f", {about['n_segments']} segments" if about["type"] in OF_SEGMENTS else ""
    tracks = layers[["user_name", "track_id"]].drop_duplicates()
    names = ", ".join(sorted(tracks["user_name"].unique()))
    return f"{TITLES[about['type']]}{segments}, {len(tracks)} tracks of {names}"


def _findings(layers: pd.DataFrame, models: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    return [_on_layers(layers), *_on_labels(models, pairs)]


def _on_layers(layers: pd.DataFrame) -> str:
    """Say what is left of an explanation when the model has forgotten everything."""
    deepest = layers[layers["depth"] == layers["depth"].max()]
    depth, kept = int(deepest["depth"].iloc[0]), mean_and_interval(deepest["correlation"])
    where = "the last layer" if depth == 1 else f"{depth} layers"
    says = {
        -1: f"the weights are turned over (rank correlation {kept})",
        0: f"no likeness is left (rank correlation {kept})",
        1: f"some likeness is left (rank correlation {kept})",
    }
    text = f"With {where} at random {says[side(deepest['correlation'])]}."
    size = mean_and_interval(deepest["absolute_correlation"])
    if side(deepest["absolute_correlation"]) > 0:
        return (
            f"{text} The weights' size stays alike in part ({size}): which components matter at "
            "all is also a question of the track."
        )
    return f"{text} The weights' size does not stay alike ({size})."


def _on_labels(models: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """Say for whom two models of the true labels agree more than two of shuffled ones."""
    better: list[str] = []
    alike: list[str] = []
    unlike: list[str] = []
    undecided: list[str] = []
    for user_name, group in pairs.groupby("user_name"):
        tracks = group.pivot_table(index="track_id", columns="pair", values="correlation")
        tracks = tracks.reindex(columns=[*PAIRS])
        true, noise = tracks[f"{TRUE} / {TRUE}"], tracks[f"{SHUFFLED} / {SHUFFLED}"]
        areas = models[models["user_name"] == user_name].groupby("labels")["auc"].mean()
        text = f"{user_name} ({true.mean():.2f} against {noise.mean():.2f})"
        if areas[TRUE] < KNOWS:
            undecided.append(f"{user_name} (AUC {areas[TRUE]:.2f})")
        else:
            more, agree = side(true - noise) > 0, side(true) > 0
            (better if more else alike if agree else unlike).append(text)
    findings = [_over_listeners(pairs)] if pairs["user_name"].nunique() > 1 else []
    if better:
        findings.append(
            "Two models of the true labels agree more than two of shuffled ones, in mean rank "
            f"correlation, for {listed(better)}."
        )
    if alike:
        findings.append(
            "They agree, though on these tracks not surely more than two of shuffled labels, for "
            f"{listed(alike)}."
        )
    if unlike:
        findings.append(
            f"They do not agree for {listed(unlike)}: there an explanation is a matter of the "
            "model rather than of the listener."
        )
    if undecided:
        findings.append(
            f"Half of the training tracks have taught too little of the taste of "
            f"{listed(undecided)}: below an AUC of {KNOWS} on unheard tracks the comparison of "
            "labels decides nothing."
        )
    return findings


def _over_listeners(pairs: pd.DataFrame) -> str:
    """Compare the agreement of models over listeners, each of whom counts as one."""
    means = pairs.groupby(["user_name", "pair"])["correlation"].mean().unstack()
    true, noise = (means.reindex(columns=[*PAIRS])[f"{kind} / {kind}"] for kind in (TRUE, SHUFFLED))
    says = {-1: "less than", 0: "no more than", 1: "more than"}
    return (
        f"Over {len(means)} listeners, two models of the true labels agree (mean rank correlation "
        f"{mean_and_interval(true, digits=2)}) {says[side(true - noise)]} two of shuffled labels "
        f"({mean_and_interval(noise, digits=2)}); intervals over listeners."
    )
