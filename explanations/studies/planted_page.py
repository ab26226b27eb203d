"""Planted tastes: the tables, the picture and the section of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from explanations.studies.measures import mean_and_interval, share_interval
from explanations.studies.planted_truth import verdict
from explanations.studies.study import (
    COLOURS,
    Section,
    new_figure,
    read_results,
    save_figure,
    tidy,
)
from recsys.metrics import ranking_metrics

STUDY = "planted"
TITLE = "Ground truth: planted tastes"
TARGET = 0.9

TITLES = {"source": "Source", "time": "Time", "time_source": "Time + Source"}


def section(folder: Path) -> Section:
    """Say what was found."""
    rows, about = read_results(folder, STUDY)
    return Section(
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
                   f"{STUDY}.png")],
        facts=[about],
    )  # fmt: skip


def _listeners(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(rows["user_name"][rows["part"] == "source"]))


def hit_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How often the planted component is first, a line for each listener and type."""
    lines = []
    for user_name in _listeners(rows):
        for kind, title in TITLES.items():
            own = rows[(rows["user_name"] == user_name) & (rows["part"] == kind)]
            if own.empty:
                continue
            low, high = share_interval(own["first_planted"])
            few = bool((own["components"] <= 3).all())
            lines.append(
                {
                    "listener": user_name,
                    "type": title,
                    "tracks": str(len(own)),
                    "first": f"{_percent(own['first_planted'])} "
                    f"[{100 * low:.0f}, {100 * high:.0f}]",
                    "by chance": _percent(own["chance_first"]),
                    "first by Shapley": _percent(own["shapley_first_planted"]),
                    "in the top 3": "all are" if few else _percent(own["in_top_3"]),
                    "in it by chance": _percent(own["chance_top_3"]),
                    "of the top 3": _percent(own["part_of_top_3"]),
                }
            )
    return pd.DataFrame(lines)


def ablation_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean relevance of the mix and without parts of it, and the verdicts."""
    lines = []
    for user_name in _listeners(rows):
        own = rows[(rows["user_name"] == user_name) & (rows["part"] == "source")]
        verdicts = [verdict(dict(row)) for _, row in own.iterrows()]
        missed = [one for one in verdicts if one]
        lines.append(
            {
                "listener": user_name,
                "whole mix": f"{own['relevance'].mean():.2f}",
                "without the planted stem": f"{own['without_stem'].mean():.2f}",
                "without the property": f"{own['without_property'].mean():.2f}",
                "the planted stem alone": f"{own['stem_alone'].mean():.2f}",
                "not first": str(len(missed)),
                "the model is wrong": str(missed.count("model")),
                "the explanation is wrong": str(missed.count("explanation")),
                "first instead": _counted(own["first_stem"][own["first_planted"] == 0]),
            }
        )
    return pd.DataFrame(lines)


def control_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How often the stem is first where it is not to the listener's taste."""
    lines = []
    controls = rows[rows["part"] == "control"]
    for user_name in dict.fromkeys(controls["user_name"]):
        own = controls[controls["user_name"] == user_name]
        line = {
            "listener": user_name,
            "tracks": str(len(own)),
            "relevance": f"{own['relevance'].mean():.2f}",
            "the stem is first": _percent(own["first_planted"]),
            "by chance": _percent(own["chance_first"]),
            "its weight": mean_and_interval(own["weight"]),
            "it speaks against the track": _percent(own["weight"] < 0),
            "first": _counted(own["first_stem"]),
        }
        lines.append(line)
    return pd.DataFrame(lines)


def model_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How well the models know the taste, on fresh tracks."""
    lines = []
    models = rows[rows["part"] == "model"]
    for user_name in dict.fromkeys(models["user_name"]):
        own = models[models["user_name"] == user_name]
        labels = own["label"].to_numpy(dtype=np.int64)
        scores = own["relevance"].to_numpy(dtype=np.float64)
        lines.append(
            {
                "listener": user_name,
                "AUC": f"{ranking_metrics(labels, scores)['auc']:.3f}",
                "liked and 0.5 or more": _percent(own["relevance"][own["label"] == 1] >= 0.5),
                "not liked and less": _percent(own["relevance"][own["label"] == 0] < 0.5),
            }
        )
    return pd.DataFrame(lines)


def loudness_table(rows: pd.DataFrame) -> pd.DataFrame:
    """How loud the planted stem is in liked tracks and in others."""
    lines = []
    loudness = rows[rows["part"] == "loudness"]
    for user_name in dict.fromkeys(loudness["user_name"]):
        own = loudness[loudness["user_name"] == user_name]
        liked, others = (own[own["label"] == label]["loudness_db"] for label in (1, 0))
        line = {
            "listener": user_name,
            "stem": own["stem"].iloc[0],
            "tracks": str(len(own)),
            "sounds in liked ones": _percent(liked.notna()),
            "in others": _percent(others.notna()),
            "liked, dB": mean_and_interval(liked, digits=1),
            "others, dB": mean_and_interval(others, digits=1),
        }
        lines.append(line)
    return pd.DataFrame(lines)


def draw(folder: Path) -> None:
    """Draw how often what is planted is first, beside chance."""
    rows, _ = read_results(folder, STUDY)
    names = _listeners(rows)
    figure = new_figure(9.6, 4.2)
    axes = figure.subplots()
    for place, (kind, title) in enumerate(TITLES.items()):
        at, means, errors, chances = [], [], [], []
        for number, user_name in enumerate(names):
            own = rows[(rows["user_name"] == user_name) & (rows["part"] == kind)]
            if own.empty:
                continue
            mean, (low, high) = own["first_planted"].mean(), share_interval(own["first_planted"])
            at.append(number + (place - 1) * 0.26)
            means.append(mean)
            errors.append((max(mean - low, 0), max(high - mean, 0)))
            chances.append(own["chance_first"].mean())
        if not at:
            continue
        axes.bar(at, means, 0.24, color=COLOURS[place], label=title, yerr=np.array(errors).T,
                 ecolor="#33383f", capsize=3)  # fmt: skip
        axes.plot(at, chances, "_", color="#111418", markersize=18, markeredgewidth=2)
    axes.plot([], [], "_", color="#111418", markersize=14, markeredgewidth=2, label="chance")
    axes.axhline(TARGET, color="#8a8f98", linewidth=1, linestyle=(0, (4, 3)))
    axes.set_xticks(range(len(names)), names)
    tidy(axes, ylabel="tracks on which it is first", ylim=(0, 1.05))
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    save_figure(figure, folder / f"{STUDY}.png")


def _findings(rows: pd.DataFrame) -> list[str]:
    found = []
    for user_name in _listeners(rows):
        own = rows[(rows["user_name"] == user_name) & (rows["part"] == "source")]
        hit = float(own["first_planted"].mean())
        verdicts = [verdict(dict(row)) for _, row in own.iterrows()]
        text = (
            f"{user_name}: the planted stem is first on {100 * hit:.0f} % of {len(own)} tracks "
            f"(chance {_percent(own['chance_first'])}), which "
            f"{'meets' if hit >= TARGET else 'misses'} the target of {100 * TARGET:.0f} %."
        )
        if missed := [one for one in verdicts if one]:
            text += (
                f" Of {len(missed)} misses, ablation lays {missed.count('model')} to the model and "
                f"{missed.count('explanation')} to the explanation."
            )
        found.append(text)
        for kind in ("time", "time_source"):
            part = rows[(rows["user_name"] == user_name) & (rows["part"] == kind)]
            if len(part):
                found.append(
                    f"{user_name}, {TITLES[kind]}: a planted component is first on "
                    f"{_percent(part['first_planted'])} of {len(part)} tracks (chance "
                    f"{_percent(part['chance_first'])}), and in the top 3 on "
                    f"{_percent(part['in_top_3'])} (chance {_percent(part['chance_top_3'])})."
                )
    found += [
        f"{line['listener']}, control: on {line['tracks']} tracks without the property the same "
        f"stem is first on {line['the stem is first']} (chance {line['by chance']}); its mean "
        f"weight there is {line['its weight']}."
        for line in control_table(rows).to_dict("records")
    ]
    return found + _unexplained(rows)


def _unexplained(rows: pd.DataFrame) -> list[str]:
    """Name the listeners whose models score no liked track right: nothing is explained there."""
    if not (rows["part"] == "model").any():
        return []
    models = model_table(rows).set_index("listener")
    return [
        f"{user_name}: the model scores no track right that the listener likes (AUC "
        f"{models['AUC'][user_name]} on fresh tracks): it has not learnt the taste, and there is "
        "nothing to explain. The target is missed, by the model."
        for user_name in models.index
        if user_name not in _listeners(rows)
    ]


def _counted(values: pd.Series[str]) -> str:
    counts = values.value_counts()
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _percent(values: pd.Series[float] | pd.Series[bool]) -> str:
    return f"{100 * float(values.mean()):.0f} %"
