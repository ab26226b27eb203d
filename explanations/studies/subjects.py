"""The context of a study: listeners, their tracks, and each track's tables.

The tables of a (listener, track) cost seconds and answer every mask of any explanation type, so
they are kept in the cache and all studies share them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from audiolime.exact import LocalStateEngine, Tables
from explanations.explain import Subject, prepare
from explanations.explain.track import default_segments
from explanations.listeners import ListenerModel, load_listener
from explanations.stems import NAMES, separator_for
from explanations.studies.study import Item, Row, StudyRun
from lemons_audio import audio_checksum
from lemons_utils import Configuration, DataError, ParameterError, configuration
from recsys import progress
from recsys.catalogue import Catalogue, open_catalogue
from recsys.experiments import named_listeners
from recsys.listening import read_split, split_path
from recsys.predict import predict, relevance_table


@dataclass(frozen=True)
class StudyContext:
    """The source of listeners and tracks; small, so that it can be sent to other processes.

    Parameters
    ----------
    config : Configuration
    catalogue_name : str
        The catalogue whose tracks are explained.
    trained_on : str
        The catalogue of the models.
    cache : Path
    separator : str, optional
        By default that of the catalogue: see `explanations.stems`.
    n_segments : int
    """

    config: Configuration
    catalogue_name: str
    trained_on: str
    cache: Path
    separator: str | None = None
    n_segments: int = 5

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue whose tracks are explained."""
        return open_catalogue(self.catalogue_name, data_folder=self.config.data_folder)

    def listener(self, user_name: str) -> ListenerModel:
        """Load a listener's model; once per process."""
        return load_listener(
            user_name, catalogue=self.trained_on, experiments=self.config.experiments
        )

    def subject(self, track_id: str) -> Subject:
        """Separate a track, or read its stems from the cache."""
        catalogue = self.catalogue
        return prepare(
            catalogue.audio(track_id),
            separator_for(catalogue, track_id, self.separator),
            stems_folder=self.config.stems,
            limit_gb=self.config.stems_cache_gb,
            n_segments=self.n_segments,
        )

    def item(self, user_name: str, track_id: str, **settings: object) -> dict[str, Any]:
        """Describe an item: all that decides the tables of its track, and further settings."""
        catalogue = self.catalogue
        separator = separator_for(catalogue, track_id, self.separator)
        return {
            "user_name": user_name,
            "track_id": track_id,
            "catalogue": catalogue.name,
            "model": self.listener(user_name).checksum[:16],
            "separator": f"{separator.name} {separator.version}",
            "n_segments": self.n_segments,
            **settings,
        }

    def items(
        self, user_names: Sequence[str], options: argparse.Namespace, **settings: object
    ) -> list[Item]:
        """List an item for each listener and track that options of `context_arguments` name."""
        return [
            self.item(user_name, track_id, **settings)
            for user_name in user_names
            for track_id in self.choose_tracks(user_name, options.tracks, options.num_explanations)
        ]

    def checksums(self, user_names: Sequence[str]) -> dict[str, str]:
        """Return the checksum of each listener's model."""
        return {user_name: self.listener(user_name).checksum for user_name in user_names}

    def tables(self, user_name: str, track_id: str) -> Tables:
        """Compute the tables of a track for a listener, or read them from the cache.

        Raises
        ------
        DataError
            If the track is so short that there are none.
        """
        catalogue, listener = self.catalogue, self.listener(user_name)
        audio = catalogue.audio(track_id)
        separator = separator_for(catalogue, track_id, self.separator)
        about = {
            "model": listener.checksum,
            "audio": audio_checksum(audio),
            "separator": f"{separator.name} {separator.version}",
            "segments": [list(span) for span in default_segments(len(audio), self.n_segments)],
        }
        name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:24]
        path = self.cache / "tables" / f"{name}.npz"
        if not path.exists():
            subject = self.subject(track_id)
            engine = LocalStateEngine(listener.network, subject.stems.waveforms, subject.segments)
            if not engine.closed:
                raise DataError(f"track {track_id} has segments too short for tables")
            engine.tables().write(path, **about, stem_names=list(subject.stems.names))
        return Tables.read(path)  # rounded as stored: the same on every later run

    def choose_tracks(self, user_name: str, how: str, count: int) -> list[str]:
        """Choose tracks of the catalogue.

        Parameters
        ----------
        user_name : str
        how : str
            'top': those of highest relevance. 'unseen': those of the listener's split that no
            training hears, the liked ones first. 'any': the same for everybody.
        count : int > 0
            Fewer are returned where there are not so many.
        """
        catalogue = self.catalogue
        if count < 1:
            raise ParameterError(f"num_explanations must be at least 1, got {count}")
        if how == "any":
            return sorted(catalogue.track_ids, key=_scrambled)[:count]
        if how == "unseen":
            split = read_split(split_path(catalogue, user_name))
            rest = split[split["split"] != "train"].sort_values("track_id")
            liked = rest["label"] == 1
            return [*rest["track_id"][liked], *rest["track_id"][~liked]][:count]
        return list(self.scores(user_name)["track_id"].head(count))

    def scores(self, user_name: str) -> pd.DataFrame:
        """Score the catalogue by a listener's model, or read the scores from the cache.

        Returns
        -------
        DataFrame, the most relevant first: see `recsys.predict.predict`
        """
        catalogue, listener = self.catalogue, self.listener(user_name)
        folder = self.cache / "relevance" / catalogue.name
        path = folder / f"{user_name}-{listener.checksum[:12]}.parquet"
        table = relevance_table(catalogue, user_name, listener.checksum, path)
        about = f"scoring for {user_name}"
        with progress.shown(catalogue.count, unit="track", about=about) as on_progress:
            return predict(
                listener.network, table,
                on_trunk=listener.on_trunk, on_progress=on_progress,
            )  # fmt: skip


def _scrambled(track_id: str) -> str:
    return hashlib.sha256(track_id.encode()).hexdigest()


def context_arguments(
    parser: argparse.ArgumentParser, *, num_explanations: int, tracks: str = "top"
) -> argparse.ArgumentParser:
    """Add the options that choose listeners and tracks."""
    parser.add_argument("--user_name", nargs="*", help="by default everybody with a model")
    parser.add_argument("--catalogue", default="demo", help="whose tracks to explain")
    parser.add_argument("--trained_on", help="catalogue of the models, if it is another one")
    parser.add_argument("--num_explanations", type=int, default=num_explanations, metavar="N",
                        help="tracks of each listener")  # fmt: skip
    parser.add_argument("--tracks", choices=("top", "unseen", "any"), default=tracks,
                        help="those of highest relevance, those that no training heard (the "
                        "liked ones first), or any")  # fmt: skip
    parser.add_argument("--separator", choices=NAMES, help="by default what fits the track")
    add_segments(parser)
    return parser


def add_segments(parser: argparse.ArgumentParser) -> None:
    """Add the number of segments of time."""
    parser.add_argument(
        "--n_temporal_segments", type=int, default=5, metavar="N", help="segments of time"
    )


def context_of(options: argparse.Namespace, cache: Path) -> tuple[StudyContext, list[str]]:
    """Make the context that the options describe, and list the listeners' names.

    Raises
    ------
    DataError
        If there is no catalogue, or nobody has a model.
    """
    config = configuration()
    trained_on = getattr(options, "trained_on", None) or options.catalogue
    context = StudyContext(
        config=config,
        catalogue_name=options.catalogue,
        trained_on=trained_on,
        cache=cache,
        separator=options.separator,
        n_segments=options.n_temporal_segments,
    )
    _ = context.catalogue
    names = named_listeners(options.user_name or [], config.experiments, catalogue=trained_on)
    for name in names:
        print(f"{name}: {context.listener(name).found.line}")
    return context, names


def measure_tracks(
    run: StudyRun, measure: Callable[..., list[Row]], settings: dict[str, Any], **more: object
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Measure the tracks that the options name, an item for each listener and track.

    Parameters
    ----------
    run : StudyRun
        Its options have those of `context_arguments`.
    measure : callable
        Maps an item, and the context as `context`, to rows: a function of a module.
    settings : dict
        Further entries of every item: all that decides its rows.
    **more
        Further facts of the run.

    Returns
    -------
    rows : DataFrame
    about : dict, the facts of the run
    """
    context, names = context_of(run.options, run.cache)
    items = context.items(names, run.options, **settings)
    rows = run.measure(items, measure, context)
    about = run.facts(context.checksums(names), catalogue=run.options.catalogue, **more)
    return rows, about
