"""What the study of planted tastes shows: tables, a picture, and its section of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from explanations.store import TITLES
from explanations.studies.measures import (
    hits_of,
    listed,
    mean_and_interval,
    percent,
    share_interval,
    side,
    table_of,
)
from explanations.studies.planted.truth import verdict
from explanations.studies.results import read_results
from explanations.studies.study import StudySection
from recsys.evaluation import plots
from recsys.metrics import ranking_metrics

TITLE = "Ground truth: planted tastes"
TARGET = 0.9
_ORDER = ("source", "time", "time_source")
"""The kinds, in the order in which the page shows them."""


def section(folder: Path) -> StudySection:
    """Describe the results in a folder."""
    rows, about = read_results(folder, "planted")
    return StudySection(
        title=TITLE,
        question="Four listeners like one thing each. The demo band composes tracks in which drums "
        "four to the floor, a walking bass, singing and a piano solo come and go independently of "
        "each other and of everything else, and a model is trained for each listener. Of fresh "
        "tracks that the listener likes and the model gives a relevance of 0.5 or more: does the "
        "explanation put first what is planted? Where it does not, ablation says who is wrong: if "
        "relevance falls at least as much without the stem that the explanation puts first as "
        "without the planted one, the explanation tells the truth about a model that goes by "
        "something else; otherwise the explanation is wrong. `Without the property` is the same "
        "track played again, e.g. with another groove. Control: the same models explain tracks "
        "that the listener does not like, and the model scores below 0.5; a drummer or a bassist "
        "is at work there, too. Intervals: 95 %, of shares exact ones (Clopper and Pearson), else "
        "bootstrapped over tracks.",
        findings=_findings(rows),
        tables=[
            ("Is what is planted put first?", hit_table(rows)),
            ("Relevance of the explained tracks, and who is wrong where the planted stem is not "
             "first", ablation_table(rows)),
            (f"The models: {about['trained_on']} tracks, eight tenths of them to train on; "
             f"{about['fresh']} fresh ones", model_table(rows)),
            ("Loudness of the planted stem, dB of full scale, over tracks where it sounds",
             loudness_table(rows)),
            *([("Control: tracks of the same kind in which the stem plays something else",
                controls)] if len(controls := control_table(rows)) else []),
        ],
        pictures=[("What is planted is first, against chance; bars are 95 % intervals.",
                   "planted.png")],
        facts=[about],
    )  # fmt: skip


def _listeners(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(rows["user_name"][rows["part"] == "source"]))


def hit_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How often the planted component is first, a line for each listener and type."""

    def line(group: pd.DataFrame) -> dict[str, str]:
        low, high = share_interval(group["first_planted"])
        few = bool((group["components"] <= 3).all())
        return {
            "tracks": str(len(group)),
            "first": f"{percent(group['first_planted'])} [{100 * low:.0f}, {100 * high:.0f}]",
            "by chance": percent(group["chance_first"]),
            "first by Shapley": percent(group["shapley_first_planted"]),
            "in the top 3": "all are" if few else percent(group["in_top_3"]),
            "in it by chance": percent(group["chance_top_3"]),
            "of the top 3": percent(group["part_of_top_3"]),
        }

    explained = rows[rows["part"].isin(_ORDER)]
    kinds = explained["part"].map(TITLES)
    return table_of(explained.assign(kind=kinds), {"user_name": "listener", "kind": "type"}, line)


def ablation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean relevance of the mix and without parts of it, and the verdicts."""

    def line(group: pd.DataFrame) -> dict[str, str]:
        verdicts = _verdicts(group)
        return {
            "whole mix": f"{group['relevance'].mean():.2f}",
            "without the planted stem": f"{group['without_stem'].mean():.2f}",
            "without the property": f"{group['without_property'].mean():.2f}",
            "the planted stem alone": f"{group['stem_alone'].mean():.2f}",
            "not first": str(len(verdicts)),
            "the model is wrong": str(verdicts.count("model")),
            "the explanation is wrong": str(verdicts.count("explanation")),
            "first instead": _counted(group["first_stem"][group["first_planted"] == 0]),
        }

    return table_of(rows[rows["part"] == "source"], {"user_name": "listener"}, line)


def _verdicts(rows: pd.DataFrame) -> list[str]:
    """Say who is wrong on each track where the planted stem is not first."""
    return [text for row in rows.to_dict("records") if (text := verdict(row))]


def control_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How often the stem is first where it is not to the listener's taste."""
    return table_of(
        rows[rows["part"] == "control"],
        {"user_name": "listener"},
        lambda group: {
            "tracks": str(len(group)),
            "relevance": f"{group['relevance'].mean():.2f}",
            "the stem is first": percent(group["first_planted"]),
            "by chance": percent(group["chance_first"]),
            "its weight": mean_and_interval(group["weight"]),
            "it speaks against the track": percent(group["weight"] < 0),
            "first": _counted(group["first_stem"]),
        },
    )


def model_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How well the models know the taste, on fresh tracks."""

    def line(group: pd.DataFrame) -> dict[str, str]:
        labels = group["label"].to_numpy(dtype=np.int64)
        relevance = group["relevance"].to_numpy(dtype=np.float64)
        return {
            "AUC": f"{ranking_metrics(labels, relevance)['auc']:.3f}",
            "liked and 0.5 or more": percent(group["relevance"][group["label"] == 1] >= 0.5),
            "not liked and less": percent(group["relevance"][group["label"] == 0] < 0.5),
        }

    return table_of(rows[rows["part"] == "model"], {"user_name": "listener"}, line)


def loudness_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How loud the planted stem is in liked tracks and in others."""

    def line(group: pd.DataFrame) -> dict[str, str]:
        liked, others = (group["loudness_db"][group["label"] == label] for label in (1, 0))
        return {
            "tracks": str(len(group)),
            "sounds in liked ones": percent(liked.notna()),
            "in others": percent(others.notna()),
            "liked, dB": mean_and_interval(liked, digits=1),
            "others, dB": mean_and_interval(others, digits=1),
        }

    loudness = rows[rows["part"] == "loudness"]
    return table_of(loudness, {"user_name": "listener", "stem": "stem"}, line)


def draw(folder: Path) -> None:
    """Draw how often what is planted is first, beside chance."""
    rows, _ = read_results(folder, "planted")
    names = _listeners(rows)
    figure = plots.new_figure(9.6, 4.2)
    axes = figure.subplots()
    for place, kind in enumerate(_ORDER):
        groups = rows[rows["part"] == kind].groupby("user_name")
        if not len(groups):
            continue
        at = [names.index(str(name)) + (place - 1) * 0.26 for name, _ in groups]
        means = groups["first_planted"].mean().to_numpy()
        spans = np.array([share_interval(group["first_planted"]) for _, group in groups]).T
        errors = np.abs(spans - means)
        axes.bar(at, means, 0.24, color=plots.COLOURS[place], label=TITLES[kind], yerr=errors,
                 ecolor="#33383f", capsize=3)  # fmt: skip
        chances = groups["chance_first"].mean()
        axes.plot(at, chances, "_", color="#111418", markersize=18, markeredgewidth=2)
    axes.plot([], [], "_", color="#111418", markersize=14, markeredgewidth=2, label="chance")
    axes.axhline(TARGET, **plots.REFERENCE)
    axes.set_xticks(range(len(names)), names)
    plots.tidy(axes, ylabel="tracks on which it is first", ylim=(0, 1.05))
    plots.legend_above(figure, ncols=4)
    plots.save_figure(figure, folder / "planted.png")


def _findings(rows: pd.DataFrame) -> list[str]:
    findings = [
        finding
        for kind in _ORDER
        if len(part := rows[rows["part"] == kind])
        for finding in (_on_hits(part, kind), *([_on_ablation(part)] if kind == "source" else []))
    ]
    return [*findings, *map(_on_control, _groups(rows, "control")), *_unexplained(rows)]


def _groups(rows: pd.DataFrame, part: str) -> list[pd.DataFrame]:
    return [group for _, group in rows[rows["part"] == part].groupby("user_name", sort=False)]


def _on_hits(part: pd.DataFrame, kind: str) -> str:
    """Say how often a kind of explanation puts first what is planted, and for whom it does not."""
    what = "stem" if kind == "source" else "component"
    hits, chance = part["first_planted"], percent(part["chance_first"])
    missed = [g for _, g in part.groupby("user_name") if g["first_planted"].mean() < TARGET]
    if (hits == 1).all():
        text = f"a planted {what} is first on all {len(hits)} tracks (chance {chance})"
    else:
        text = f"a planted {what} is first on {hits_of(hits)} tracks (chance {chance})"
    target = f"the target of {100 * TARGET:.0f} %"
    names = [f"{g['user_name'].iloc[0]} ({hits_of(g['first_planted'])})" for g in missed]
    one = part["user_name"].nunique() == 1
    verdict_text = (
        f"which misses {target} for {listed(names)}"
        if names
        else f"which meets {target}{'' if one else ' for every listener'}"
    )
    by_shapley = part["shapley_first_planted"]
    text = f"{TITLES[kind]}: {text}, {verdict_text}."
    return text if (by_shapley == hits).all() else f"{text} By Shapley: {hits_of(by_shapley)}."


def _on_ablation(part: pd.DataFrame) -> str:
    """Say what relevance owes to the planted stems, and who is wrong where they are not first."""
    falls = [
        f"{name} from {group['relevance'].mean():.2f} to {group['without_stem'].mean():.2f}"
        for name, group in part.groupby("user_name", sort=False)
    ]
    text = f"Without the planted stem, mean relevance changes: {listed(falls)}."
    if verdicts := _verdicts(part):
        text += (
            f" Of {len(verdicts)} misses, ablation lays {verdicts.count('model')} to the model and "
            f"{verdicts.count('explanation')} to the explanation."
        )
    return text


def _on_control(group: pd.DataFrame) -> str:
    """Say what a stem counts for where it is not to the listener's taste."""
    user_name, weight = group["user_name"].iloc[0], mean_and_interval(group["weight"])
    says = {
        -1: f"speaks against them (mean weight {weight})",
        0: f"speaks neither for nor against them (mean weight {weight})",
        1: f"speaks for them all the same (mean weight {weight}): the control fails",
    }
    hits, chance = group["first_planted"], group["chance_first"].mean()
    low, high = share_interval(hits)
    often = "less often than chance" if high < chance else "more often than chance"
    often = "no different from chance" if low <= chance <= high else often
    return (
        f"Control, {user_name}: on {len(group)} tracks without the property the same stem "
        f"{says[side(group['weight'])]}; it is first on {percent(hits)}, {often} "
        f"({100 * chance:.0f} %)."
    )


def _unexplained(rows: pd.DataFrame) -> list[str]:
    """Name the listeners whose models score no liked track right: nothing is explained there."""
    return [
        f"{line['listener']}: the model scores no track right that the listener likes (AUC "
        f"{line['AUC']} on fresh tracks): it has not learnt the taste, and there is "
        "nothing to explain. The target is missed, by the model."
        for line in model_table(rows).to_dict("records")
        if line["listener"] not in _listeners(rows)
    ]


def _counted(values: pd.Series[str]) -> str:
    counts = values.value_counts()
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
