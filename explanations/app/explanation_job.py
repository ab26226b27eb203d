"""Explanations for the page: asking for one, making it, and where everything of it is kept."""

from __future__ import annotations

from pathlib import Path

from audiolime.components import Components
from audiolime.exact import Tables, TrunkTables
from explanations.app import web_files
from explanations.explain import Subject, explain, prepare
from explanations.explain.answers import default_num_samples
from explanations.explain.track import default_segments
from explanations.listeners import ListenerModel, fellow_heads
from explanations.player import HeadData, heads_json
from explanations.stems import separator_for
from explanations.store import Explanation, Request, SharedTables, Store
from lemons_arrays import check_archive
from lemons_audio import audio_checksum
from lemons_utils import Configuration, DataError, OnProgress
from recsys.catalogue import Catalogue

STEPS = ("separate", "tables", "weights")
"""The steps of an explanation, in order."""


class ExplanationJob:
    """One track to explain to one listener for the page, and where everything is kept."""

    def __init__(
        self,
        listener: ListenerModel,
        catalogue: Catalogue,
        track_id: str,
        config: Configuration,
        *,
        kept_in: Path | None = None,
    ) -> None:
        self.listener = listener
        self.catalogue = catalogue.name
        self.track_id = track_id
        self.audio = catalogue.audio(track_id)
        self.separator = separator_for(catalogue, track_id)
        home = config.stored_explanations / catalogue.name
        self.store = Store((kept_in or home) / listener.user_name)
        self.shared = SharedTables(home)
        self.stems_folder, self.limit_gb = config.stems, config.stems_cache_gb
        self.web_folder, self.base_url = config.web_folder, config.audio_base_url

    def request(self, kind: str) -> Request:
        """Return what the page asks for; a stored explanation is shown if it answers just this."""
        segments = default_segments(len(self.audio))
        components = Components(kind, segments, tuple(self.separator.stem_names))
        return Request(
            kind=kind,
            segments=segments,
            engine="exact",
            num_samples=default_num_samples(components.count, "exact"),
            random_state=0,
            separator=self.separator.name,
            separator_version=self.separator.version,
            model_checksum=self.listener.checksum,
            audio_checksum=audio_checksum(self.audio),
        )

    def key(self, kind: str) -> tuple[str, ...]:
        """Return what the job is called in the queue."""
        return "explain", self.catalogue, self.track_id, self.listener.checksum, kind

    def stored(self, kind: str) -> Explanation | None:
        """Return the explanation if it and the tables of the mixer are stored."""
        explanation = self.store.load(self.track_id, self.request(kind))
        try:
            check_archive(self.tables_path)
        except DataError:  # missing or damaged: both are made again
            return None
        return explanation

    @property
    def tables_path(self) -> Path:
        """Where the tables of the mixer lie: those that listeners of a trunk share, or its own."""
        if self.listener.trunk is not None:
            return self.shared.path(self.track_id, self.listener.trunk.checksum)
        return self.store.tables_path(self.track_id)

    def tables(self) -> Tables:
        """Read the listener's tables, or the listener's part of those of the trunk."""
        if (on_trunk := self.listener.on_trunk) is None:
            return Tables.read(self.tables_path)
        head = on_trunk[1]
        return TrunkTables.read(self.tables_path).of_head(head.weight, [], head.bias)

    def heads(self) -> str:
        """Write the heads of all listeners of the trunk; return their place, empty without one.

        It is the same for all of them, so that a mixer of one can become that of another.
        """
        heads = [
            HeadData(name, tuple(head.weight.tolist()), head.bias)
            for name, head in sorted(fellow_heads(self.listener).items())
        ]
        return web_files.heads(heads_json(heads), self.web_folder) if heads else ""

    def subject(self, on_progress: OnProgress | None = None) -> Subject:
        """Separate the track, or take its stems from the cache."""
        return prepare(
            self.audio,
            self.separator,
            stems_folder=self.stems_folder,
            limit_gb=self.limit_gb,
            on_progress=on_progress,
        )

    def make(self, kind: str, on_progress: OnProgress) -> None:
        """Explain the track and store the explanation, together with those of Time and Source.

        Those two take only a moment more, because the tables answer them. `on_progress` is
        called with one of `STEPS` and the share of it that is done; what it raises ends the work.
        """
        subject = self.subject(on_progress)
        for each in dict.fromkeys((kind, "time", "source")):
            explain(
                self.listener,
                subject,
                each,
                store=self.store,
                shared=self.shared,
                track_id=self.track_id,
                what_if=True,
                on_progress=on_progress,
            )
