"""Listeners whose taste is known, for a folder of real music, and the tracks they are tested on."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import stft

from explanations.studies.measures import seed_of
from lemons_audio import to_float32
from lemons_jobs import Workers, run
from lemons_utils import SAMPLE_RATE, ParameterError, write_csv
from recsys import listening, progress
from recsys.catalogue import Catalogue
from recsys.demo.listeners import LISTENERS, true_taste
from recsys.demo.takes import from_json
from recsys.evaluation.listeners import read_labels
from recsys.listening import PUBLISHED_SEED, read_split
from recsys.options import split_of

LIKED = 0.4
"""Share of the tracks that a made-up listener likes."""

NOISE = 0.1
"""Share of a made-up listener's labels that are wrong."""

FOLDER_LISTENERS = 6
"""Number of listeners who like some folders and nothing else."""

SOUNDS = ("percussive", "bright", "calm")
"""What the others like, more or less of it than the other tracks of the same folder have."""


EXCERPT = 10 * SAMPLE_RATE
"""Samples in the middle of a track of which `sounds` takes a spectrogram."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Tracks to train, calibrate and test a listener's model on.

    `train` and `valid` have the columns track_id and label, `test` also `clean`; a label of `test`
    is NaN where only the clean one is known. `everybody` has the labels of all listeners, by track
    id, a column for each and NaN where one has none; tracks of `test` are not in it.
    """

    catalogue: Catalogue
    tested_on: Catalogue
    listener: str
    repeat: int
    number: int
    train: pd.DataFrame
    valid: pd.DataFrame
    test: pd.DataFrame
    everybody: pd.DataFrame

    @property
    def is_first(self) -> bool:
        """Whether this is the first fold of its listener."""
        return self.repeat == 0 and self.number == 0

    @property
    def checksum(self) -> str:
        """Checksum of the tracks and labels, 16 hexadecimal digits."""
        parts = [part.to_csv(index=False) for part in (self.train, self.valid, self.test)]
        text = json.dumps([self.catalogue.name, self.tested_on.name, *parts])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


# -- listeners -----------------------------------------------------------------------------------
def folders(catalogue: Catalogue) -> pd.Series[str]:
    """Return what a track was released with, by track id: its file's folder, or its album."""
    tracks = catalogue.tracks.set_index("track_id")
    if "file" in tracks:
        return tracks["file"].map(lambda file: Path(file).parent.name)
    return tracks["artist"] + " / " + tracks["album"]


def made_up_labels(
    catalogue: Catalogue, sounds: pd.DataFrame, names: pd.Series[str]
) -> dict[str, pd.DataFrame]:
    """Return the labels of listeners who like some folders, or some sound within each folder.

    Parameters
    ----------
    catalogue : Catalogue
    sounds : DataFrame, by track id, with a column for each of `SOUNDS`
    names : Series, by track id
        The track's folder.

    Returns
    -------
    dict from listener to a DataFrame with columns track_id, label, clean
        `clean` is the taste; in `label` a tenth is wrong.
    """
    track_ids = sorted(catalogue.track_ids)
    names, sounds = names.loc[track_ids], sounds.loc[track_ids]
    tastes: dict[str, NDArray[np.bool_]] = {}
    for number in range(FOLDER_LISTENERS):
        rng = np.random.default_rng(seed_of("folders", number))
        taste = np.zeros(len(names), dtype=bool)
        for name in rng.permutation(sorted(set(names))):
            if taste.mean() < LIKED:
                taste |= (names == name).to_numpy()
        tastes[f"folders-{number + 1}"] = taste
    for sound in SOUNDS:
        rank = sounds[sound].groupby(names.to_numpy()).rank(pct=True, method="first")
        tastes[sound] = (rank > 1 - LIKED).to_numpy()
        tastes[f"not-{sound}"] = (rank <= LIKED).to_numpy()
    labels = {}
    for listener, taste in tastes.items():
        wrong = np.random.default_rng(seed_of("noise", listener)).random(len(taste)) < NOISE
        clean = taste.astype(int)
        labels[listener] = pd.DataFrame(
            {"track_id": track_ids, "label": np.where(wrong, 1 - clean, clean), "clean": clean}
        )
    return labels


def demo_labels(catalogue: Catalogue) -> dict[str, pd.DataFrame]:
    """Return the labels of the demo's listeners from their splits, as `made_up_labels` does."""
    songs = catalogue.tracks.set_index("track_id")["song"]
    labels = {}
    for listener in LISTENERS:
        split = read_split(split_of(catalogue, listener, PUBLISHED_SEED))[["track_id", "label"]]
        clean = [int(true_taste(listener, from_json(songs[each]))) for each in split["track_id"]]
        labels[listener] = split.assign(clean=clean)
    return labels


# -- sounds --------------------------------------------------------------------------------------
def sounds_of(catalogue: Catalogue, path: Path, workers: Workers) -> pd.DataFrame:
    """Measure `SOUNDS` of every track, or read them from `path`."""
    track_ids = sorted(catalogue.track_ids)
    if path.is_file():
        table = pd.read_csv(path, dtype={"track_id": str}).set_index("track_id")
        if sorted(table.index) == track_ids:
            return table
    work = functools.partial(_sounds_of_track, replace(catalogue))
    rows = {}
    with progress.bar(len(track_ids), unit="track", about="sounds") as bar:
        for outcome in run(work, track_ids, workers):
            rows[track_ids[outcome.index]] = outcome.get()
            bar.update()
    table = pd.DataFrame([(each, *rows[each]) for each in track_ids], columns=["track_id", *SOUNDS])
    write_csv(path, table)
    return table.set_index("track_id")


def _sounds_of_track(catalogue: Catalogue, track_id: str) -> tuple[float, float, float]:
    return sounds(to_float32(catalogue.audio(track_id)))


def sounds(waveform: NDArray[np.float32]) -> tuple[float, float, float]:
    """Measure how percussive, bright and calm a waveform is.

    Parameters
    ----------
    waveform : ndarray [shape=(samples,)], 16 kHz, at least half a second

    Returns
    -------
    percussive : float
        Share of the energy, in the 10 s in the middle, where a median over frequency exceeds
        one over time.
    bright : float
        Spectral centroid of the same [Hz].
    calm : float
        Negative standard deviation of the loudness of half seconds [dB].
    """
    start = max(len(waveform) - EXCERPT, 0) // 2
    excerpt = waveform[start : start + EXCERPT]
    hertz, _, spectrum = stft(excerpt, SAMPLE_RATE, nperseg=1024, noverlap=512)
    magnitude = np.abs(spectrum)
    sustained, sudden = median_filter(magnitude, (1, 17)), median_filter(magnitude, (17, 1))
    energy = np.square(magnitude)
    percussive = energy[sudden > sustained].sum() / (energy.sum() + 1e-9)
    bright = (hertz @ magnitude).sum() / (magnitude.sum() + 1e-9)
    half = SAMPLE_RATE // 2
    pieces = waveform[: len(waveform) // half * half].reshape(-1, half)
    loudness = 20 * np.log10(np.sqrt(np.square(pieces).mean(axis=1)) + 1e-4)
    return float(percussive), float(bright), -float(loudness.std())


# -- folds ---------------------------------------------------------------------------------------
def cross_validation(
    catalogue: Catalogue,
    listener: str,
    everybody: Mapping[str, pd.DataFrame],
    *,
    repeats: int,
    count: int,
    tracks: int | None = None,
    groups: pd.Series[str] | None = None,
) -> Iterator[Fold]:
    """Yield folds of a listener's tracks, stratified by label; training tracks are balanced.

    Parameters
    ----------
    catalogue : Catalogue
    listener : str
    everybody : mapping from listener to a DataFrame with columns track_id, label, clean
    repeats, count : int
        Folds of one repeat test on every track once.
    tracks : int, optional
        Most tracks to train and validate on; a tenth of them is for validation.
    groups : Series, by track id, optional
        Tracks of one group stay on one side.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    labels, known = everybody[listener], _side_by_side(everybody)
    maker = StratifiedKFold if groups is None else StratifiedGroupKFold
    by_track = None if groups is None else groups.loc[labels["track_id"]].to_numpy()
    for repeat in range(repeats):
        seed = seed_of("folds", listener, repeat)
        folds = maker(count, shuffle=True, random_state=seed)
        for number, (rest, test) in enumerate(folds.split(labels, labels["label"], by_track)):
            rng = np.random.default_rng(seed_of("training tracks", listener, repeat, number))
            train, valid = _balanced(labels.iloc[rest], tracks, rng)
            tested = labels.iloc[test]
            if tested["clean"].nunique() < 2 or tested["label"].nunique() < 2:
                continue  # whole folders that the listener likes, or none of them
            rest_known = known.drop(tested["track_id"])
            rest_known.loc[~rest_known.index.isin(train["track_id"]), listener] = np.nan
            yield Fold(
                catalogue, catalogue, listener, repeat, number, train, valid, tested, rest_known
            )


def _side_by_side(labels: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    columns = {name: table.set_index("track_id")["label"] for name, table in labels.items()}
    return pd.DataFrame(columns).astype(float).sort_index().dropna(how="all")


def _balanced(
    labels: pd.DataFrame, tracks: int | None, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw as many unheard as listened tracks; return those to train and to validate on."""
    by_label = [labels[labels["label"] == label] for label in (0, 1)]
    each = min(map(len, by_label))
    each = each if tracks is None else min(each, tracks // 2)
    valid_each = max(1, round(each / 10))
    if each <= valid_each:
        raise ParameterError(f"training needs more than {each} tracks of either label")
    drawn = [part.iloc[rng.permutation(len(part))[:each]] for part in by_label]
    columns = ["track_id", "label"]
    valid = pd.concat([part[:valid_each] for part in drawn]).sort_values("track_id")[columns]
    train = pd.concat([part[valid_each:] for part in drawn]).sort_values("track_id")[columns]
    return train, valid


def test_fold(catalogue: Catalogue, tested_on: Catalogue, listener: str) -> Fold:
    """Train on a listener's split, and test on another catalogue of labelled tracks."""
    labels = read_labels(tested_on, listener)
    splits = {
        each: listening.read_split(split_of(catalogue, each, PUBLISHED_SEED)) for each in LISTENERS
    }
    train, valid = (
        splits[listener].loc[splits[listener]["split"] == part, ["track_id", "label"]]
        for part in ("train", "valid")
    )
    everybody = _side_by_side({who: each[each["split"] == "train"] for who, each in splits.items()})
    test = pd.DataFrame({"track_id": labels["track_id"], "label": np.nan, "clean": labels["label"]})
    return Fold(catalogue, tested_on, listener, 0, 0, train, valid, test, everybody)
