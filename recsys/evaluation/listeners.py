"""Evaluate a listener's model on whole tracks that it was not trained on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lemons_utils import DataError, checksum, write_csv, write_json
from recsys import checkpoint, listening, progress
from recsys.catalogue import Catalogue
from recsys.dataset import Tracks
from recsys.evaluation import reports
from recsys.evaluation.baseline import BASELINES, SpectrogramFeatures, baseline_scores
from recsys.evaluation.reliability import reliability
from recsys.metrics import evaluate, ranking_metrics
from recsys.options import split_of
from recsys.training_options import pick_device

LABELS = "labels.csv"
"""File of a labelled catalogue with columns user_name, track_id, label (1 liked, 0 not)."""

_ENDINGS = (".json", "-relevance.csv", "-curves.png", "-reliability.png")


@dataclass(frozen=True)
class Result:
    """The results of one listener's model.

    `evaluated_on` is "test" or the name of a labelled catalogue, `baselines` has `auc` and `map`
    of each baseline by its name, `training_seconds` is that of the model's card, and `ece` and
    `brier` are those of `reliability`.
    """

    user_name: str
    catalogue: str
    evaluated_on: str
    tracks: int
    auc: float
    map: float
    loss: float
    ece: float
    brier: float
    baselines: dict[str, dict[str, float]] | None
    model: str
    model_checksum: str
    training_seconds: float | None


def evaluate_listener(
    user_name: str,
    model: Path,
    catalogue: Catalogue,
    *,
    split_seed: int = listening.PUBLISHED_SEED,
    test_catalogue: Catalogue | None = None,
    features: SpectrogramFeatures | None = None,
    batch_size: int = 20,
    num_workers: int = 0,
    device: str = "cpu",
) -> tuple[Result, list[Path]]:
    """Evaluate one model on whole tracks; write numbers, relevance and curves beside it.

    Parameters
    ----------
    user_name : str
    model : Path
        The file of weights.
    catalogue, split_seed : Catalogue, int
        Those of the listener's split.
    test_catalogue : Catalogue, optional
        A labelled catalogue to evaluate on instead of the test split.
    features : SpectrogramFeatures, optional
        If given, the baselines are fitted on the training tracks and evaluated, too.
    batch_size, num_workers, device
        As of `recsys.inference.score_tracks`; they do not change the result.

    Returns
    -------
    Result, and the files written: JSON, CSV, two pictures

    Raises
    ------
    DataError
        If the model, the split or the labels are missing or wrong.
    ParameterError
        If the device is missing.
    """
    where = pick_device(device)
    network, card = checkpoint.load_model(model)
    path = split_of(catalogue, user_name, split_seed)
    split = listening.read_split(path)
    train = split[split["split"] == "train"]
    if test_catalogue is None:
        heard_in, what = catalogue, "test"
        labelled = split[split["split"] == "test"]
    else:
        heard_in, what = test_catalogue, test_catalogue.name
        labelled = read_labels(test_catalogue, user_name)
    _warn(card, path, labelled, split[split["split"] != "test"])

    track_ids, labels = labelled["track_id"].tolist(), labelled["label"].to_numpy()
    with progress.shown(len(track_ids), unit="track", about=user_name) as on_progress:
        evaluation = evaluate(
            network,
            Tracks(heard_in.audio, track_ids, labels.tolist()),
            batch_size=batch_size,
            num_workers=num_workers,
            device=where,
            on_progress=on_progress,
        )
    beside = {}
    if features is not None:
        learnt = features(catalogue, train["track_id"].tolist())
        heard = features(heard_in, track_ids)
        truth = train["label"].to_numpy()
        beside = {
            name: baseline_scores(name, learnt[name], truth, heard[name]) for name in BASELINES
        }
    curve = reliability(labels, evaluation.relevance)
    result = Result(
        user_name=user_name,
        catalogue=catalogue.name,
        evaluated_on=what,
        tracks=len(track_ids),
        **evaluation.numbers(),
        ece=curve.ece,
        brier=curve.brier,
        baselines={name: ranking_metrics(labels, each) for name, each in beside.items()} or None,
        model=str(model),
        model_checksum=card["model_checksum"],
        training_seconds=card.get("seconds"),
    )
    files = [model.with_name(f"{model.stem}-{what}{ending}") for ending in _ENDINGS]
    numbers, relevance, ranking, calibration = files
    write_json(numbers, asdict(result))
    columns = {"relevance": evaluation.relevance, **beside}
    table = pd.DataFrame({"track_id": track_ids, "label": labels, **columns})
    about = heard_in.tracks[["track_id", "title", "artist"]]
    table = table.merge(about, on="track_id", how="left")
    table = table.sort_values(["relevance", "track_id"], ascending=[False, True])
    write_csv(relevance, table)
    of = f"the test split of {catalogue.name}" if test_catalogue is None else what
    title = f"{user_name}: {len(track_ids)} tracks of {of}"
    reports.draw_curves(ranking, labels, {"model": evaluation.logits, **beside}, title=title)
    reports.draw_reliability(calibration, curve, title=title)
    return result, files


def read_labels(catalogue: Catalogue, user_name: str) -> pd.DataFrame:
    """Read a listener's labels of the tracks of a labelled catalogue.

    Returns
    -------
    DataFrame with columns track_id, label (0, 1)

    Raises
    ------
    DataError
        If there are no labels of this listener, only of one kind, or of unknown tracks.
    """
    path = catalogue.folder / LABELS
    if not path.is_file():
        raise DataError(f"{catalogue.name} is no labelled catalogue: there is no {path}")
    try:
        table = pd.read_csv(path, dtype={"user_name": "str", "track_id": "str", "label": "int64"})
        labels = table[table["user_name"] == user_name][["track_id", "label"]]
    except (KeyError, ValueError) as error:
        raise DataError(f"{path} must have columns user_name, track_id, label: {error}") from error
    if labels.empty:
        there = ", ".join(sorted(table["user_name"].unique()))
        raise DataError(f"{path} has no labels of {user_name!r} (there: {there})")
    if set(labels["label"]) != {0, 1} or labels["track_id"].duplicated().any():
        raise DataError(f"{path}: {user_name} needs labels of both kinds, 0 and 1, one a track")
    if unknown := set(labels["track_id"]) - set(catalogue.track_ids):
        raise DataError(f"{path} names {len(unknown)} tracks that the catalogue does not have")
    return labels


def _warn(
    card: Mapping[str, Any], path: Path, labelled: pd.DataFrame, learnt: pd.DataFrame
) -> None:
    """Warn if the model may have been trained on the tracks it is evaluated on."""
    if card.get("split_checksum") not in (None, checksum(path)):
        print(
            f"warning: the model was trained on another split than {path}; it may have learnt "
            "from tracks that it is tested on here",
            file=sys.stderr,
        )
    elif known := set(labelled["track_id"]) & set(learnt["track_id"]):
        print(f"warning: the model has learnt from {len(known)} of these tracks", file=sys.stderr)
