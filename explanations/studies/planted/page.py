"""What the study of planted tastes shows: tables, a picture, and its section of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from explanations.store import TITLES
from explanations.studies.measures import mean_and_interval, percent, share_interval, table_of
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
    findings = []
    for user_name in _listeners(rows):
        parts = dict(list(rows[rows["user_name"] == user_name].groupby("part")))
        hits, verdicts = parts["source"]["first_planted"], _verdicts(parts["source"])
        text = (
            f"{user_name}: the planted stem is first on {percent(hits)} of {len(hits)} tracks "
            f"(chance {percent(parts['source']['chance_first'])}), which "
            f"{'meets' if hits.mean() >= TARGET else 'misses'} the target of {100 * TARGET:.0f} %."
        )
        if verdicts:
            text += (
                f" Of {len(verdicts)} misses, ablation lays {verdicts.count('model')} to the model "
                f"and {verdicts.count('explanation')} to the explanation."
            )
        findings.append(text)
        findings += [
            f"{user_name}, {TITLES[kind]}: a planted component is first on "
            f"{percent(part['first_planted'])} of {len(part)} tracks (chance "
            f"{percent(part['chance_first'])}), and in the top 3 on "
            f"{percent(part['in_top_3'])} (chance {percent(part['chance_top_3'])})."
            for kind in _ORDER[1:]
            if (part := parts.get(kind)) is not None
        ]
    findings += [
        f"{line['listener']}, control: on {line['tracks']} tracks without the property the same "
        f"stem is first on {line['the stem is first']} (chance {line['by chance']}); its mean "
        f"weight there is {line['its weight']}."
        for line in control_table(rows).to_dict("records")
    ]
    return findings + _unexplained(rows)


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
