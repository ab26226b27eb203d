"""The listeners and what they listen to, for the page to show."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd

from explanations.listeners import ListenerModel, load_listener
from lemons_limits import read_json
from lemons_utils import DataError, ParameterError
from recsys.catalogue import Catalogue, open_catalogue
from recsys.experiments import trained_listeners
from recsys.listening import read_split

LISTENERS_FILE = "listeners.json"
"""Optional file in a catalogue's folder: {user_name: taste in a sentence}."""


@dataclass(frozen=True)
class Person:
    """A listener with a model.

    Parameters
    ----------
    user_name : str
    catalogue : str
        Name of the catalogue that the model was trained on.
    taste : str
        A sentence; empty where nothing is known.
    """

    user_name: str
    catalogue: str
    taste: str = ""

    @property
    def kept_in(self) -> Path | None:
        """Return where explanations are kept, if not with those of the catalogue."""
        return None

    @property
    def key(self) -> str:
        """Return a name that is unique among all listeners and fit for a link."""
        return self.user_name if self.catalogue == "demo" else f"{self.catalogue}:{self.user_name}"

    @property
    def name(self) -> str:
        """Return the name with a capital."""
        return self.user_name[:1].upper() + self.user_name[1:]

    @property
    def portrait(self) -> str:
        """Return the listener's portrait as SVG; one for all who have none of their own."""
        if self.catalogue == "demo" and self.user_name.isidentifier():
            with contextlib.suppress(FileNotFoundError):
                return picture(self.user_name)
        return picture("listener")

    def model(self, experiments: Path) -> ListenerModel:
        """Load the listener's current model."""
        return load_listener(self.user_name, catalogue=self.catalogue, experiments=experiments)


def picture(name: str) -> str:
    """Read a drawing as SVG."""
    return files("explanations.app").joinpath(f"pictures/{name}.svg").read_text(encoding="utf-8")


def open_catalogues(data_folder: Path) -> dict[str, Catalogue]:
    """Open all catalogues, the demo's first; each is opened again when its table changes."""
    parent = data_folder / "catalogues"
    catalogues = {}
    for folder in parent.iterdir() if parent.is_dir() else []:
        table = folder / "tracks.parquet"
        if table.is_file() or (folder / "audio").is_dir():
            changed = table.stat().st_mtime_ns if table.is_file() else 0
            with contextlib.suppress(DataError, ParameterError):  # still being made
                catalogues[folder.name] = _opened(folder.name, data_folder, changed)
    return dict(sorted(catalogues.items(), key=lambda pair: (pair[0] != "demo", pair[0])))


@functools.lru_cache(maxsize=32)
def _opened(name: str, data_folder: Path, changed: int) -> Catalogue:
    """Open a catalogue; the time of its last change is part of the cache's key."""
    return open_catalogue(name, data_folder=data_folder)


def people(catalogues: dict[str, Catalogue], experiments: Path) -> list[Person]:
    """List the listeners with a trained model by catalogue, those without a history last."""
    return [
        Person(user_name, name, taste_of(catalogue, user_name))
        for name, catalogue in catalogues.items()
        for user_name in sorted(
            trained_listeners(experiments, catalogue=name),
            key=lambda user_name: not heard_by(catalogue, user_name),
        )
    ]


def labels_of(listeners: Iterable[Person]) -> tuple[tuple[str, str], ...]:
    """Return what the page calls listeners, by `user_name`."""
    return tuple((person.user_name, person.name) for person in listeners)


def taste_of(catalogue: Catalogue, user_name: str) -> str:
    """Describe a taste: as the catalogue does, or by the three genres most listened to."""
    with contextlib.suppress(DataError):
        tastes = read_json(catalogue.folder / LISTENERS_FILE, dict[str, str], "list of tastes")
        if taste := tastes.get(user_name):
            return taste
    with contextlib.suppress(DataError):
        return ", ".join(genre_shares(listening(catalogue, user_name)).index[:3])
    return ""


def listening(catalogue: Catalogue, user_name: str) -> pd.DataFrame:
    """List the tracks that a listener listened to, most often first.

    Returns
    -------
    DataFrame with columns track_id, title, artist, genre, playcount

    Raises
    ------
    DataError
        If the catalogue has no split for the listener.
    """
    about = catalogue.tracks[["track_id", "title", "artist", "genre"]]
    table = _plays(catalogue, user_name).merge(about, on="track_id", how="inner")
    table = table.sort_values(["playcount", "title"], ascending=[False, True], ignore_index=True)
    return table[["track_id", "title", "artist", "genre", "playcount"]]


def heard_by(catalogue: Catalogue, user_name: str) -> frozenset[str]:
    """Return the ids of the tracks that a listener has heard: none of one without a history."""
    with contextlib.suppress(DataError):
        return frozenset(_plays(catalogue, user_name)["track_id"]).intersection(catalogue.track_ids)
    return frozenset()


def genre_shares(listened: pd.DataFrame, *, least: float = 0.0) -> pd.Series[float]:
    """Return each genre's share of all listening, largest first, without unknown genres.

    Parameters
    ----------
    listened : DataFrame
        From `listening`.
    least : float in [0, 1]
        The smallest share that is listed.
    """
    known = listened[listened["genre"] != ""]
    events = known.groupby("genre")["playcount"].sum().sort_values(ascending=False)
    shares = events / max(float(events.sum()), 1.0)
    return shares[shares >= least]


def _plays(catalogue: Catalogue, user_name: str) -> pd.DataFrame:
    """Return what a listener played, by the newest split: those of all seeds hold the same."""
    split_name = re.compile(rf"{re.escape(user_name)}-\d+\.csv")
    folder = catalogue.folder / "splits"
    splits = sorted(path for path in folder.glob("*.csv") if split_name.fullmatch(path.name))
    if not splits:
        raise DataError(f"catalogue {catalogue.name} does not know what {user_name} listened to")
    return _read(splits[-1], splits[-1].stat().st_mtime_ns)


@functools.lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> pd.DataFrame:
    """Read what a split says was played; the time of its last change is part of the cache's key."""
    split = read_split(path)
    return split.loc[split["playcount"] >= 1, ["track_id", "playcount"]]
