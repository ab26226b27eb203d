"""An explanation made ready to be seen and heard: highlights, mixer, downloads."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.separation.interface import Separator
from explanations.app import web_files
from explanations.app.phrases import TYPE_LABELS, component_phrase
from explanations.explain import Progress, Subject, explain, prepare
from explanations.explain.answers import default_num_samples, default_segments
from explanations.explain.playback import FADE_S, SILENCE, mix, trim
from explanations.listeners import ListenerModel
from explanations.player import (
    Lane,
    MixerData,
    Resource,
    Span,
    WaveformData,
    decode_mask,
    peaks,
    share_page,
)
from explanations.stems import separator_for
from explanations.store import Explanation, Request, Store, to_json
from lemons_audio import audio_checksum, write_audio
from lemons_utils import SAMPLE_RATE, Configuration, ParameterError, generate_audio_link
from recsys.catalogue import Catalogue

STEPS = ("separate", "tables", "weights")
"""What has to be done for an explanation, in order."""


@dataclass(frozen=True)
class Commission:
    """Whose model is to be explained on which track, and where everything lies.

    Parameters
    ----------
    listener : ListenerModel
    track_id : str
    audio : ndarray [shape=(samples,)], int16
    separator : Separator
    store : Store
    stems_folder : Path
    limit_gb : float
    web_folder : Path
    base_url : str
        Address of the web folder, as `generate_audio_link` takes it.
    """

    listener: ListenerModel
    track_id: str
    audio: NDArray[np.int16]
    separator: Separator
    store: Store
    stems_folder: Path
    limit_gb: float
    web_folder: Path
    base_url: str = ""

    @classmethod
    def of(
        cls,
        listener: ListenerModel,
        catalogue: Catalogue,
        track_id: str,
        config: Configuration,
    ) -> Commission:
        """Commission what the page shows of a track, where the settings keep it."""
        return cls(
            listener=listener,
            track_id=track_id,
            audio=catalogue.audio(track_id),
            separator=separator_for(catalogue, track_id),
            store=Store(config.stored_explanations / catalogue.name / listener.user_name),
            stems_folder=config.stems,
            limit_gb=config.stems_cache_gb,
            web_folder=config.web_folder,
            base_url=config.audio_base_url,
        )

    def request(self, type: str) -> Request:
        """Say what the page asks for; a stored explanation answers just this."""
        segments = default_segments(len(self.audio))
        stems = len(self.separator.stem_names)
        return Request(
            type=type,
            segments=segments,
            engine="exact",
            num_samples=default_num_samples(type, len(segments), stems, "exact"),
            random_state=0,
            separator=self.separator.name,
            separator_version=self.separator.version,
            model_checksum=self.listener.checksum,
            audio_checksum=audio_checksum(self.audio),
        )

    def stored(self, type: str) -> Explanation | None:
        """Find the explanation if it is stored, with the tables that the mixer needs."""
        found = self.store.load(self.track_id, self.request(type))
        return found if found and self.store.tables_path(self.track_id).is_file() else None

    def subject(self, progress: Progress | None = None) -> Subject:
        """Separate the track, or take its stems from the cache."""
        return prepare(
            self.audio,
            self.separator,
            stems_folder=self.stems_folder,
            limit_gb=self.limit_gb,
            progress=progress,
        )

    def make(self, type: str, progress: Progress) -> None:
        """Explain the track and store that.

        Where the tables are at hand, Time and Source cost nothing more and are made as well.

        Parameters
        ----------
        type : str
            One of `explanations.store.TYPES`.
        progress : callable
            Called with one of `STEPS` and the share of it that is done; what it raises ends
            the work.
        """
        subject = self.subject(progress)
        for wanted in dict.fromkeys((type, "time", "source")):
            explain(
                self.listener,
                subject,
                wanted,
                store=self.store,
                track_id=self.track_id,
                what_if=True,
                progress=progress,
            )


@dataclass(frozen=True)
class Download:
    """A file to save: what the button says, the file's name and type, and how it is made."""

    label: str
    file_name: str
    media_type: str
    make: Callable[[], bytes]


@dataclass(frozen=True)
class Exhibit:
    """All that the page shows of one explanation.

    Parameters
    ----------
    explanation : Explanation
    stems : ndarray [shape=(stems, samples)], float32
    stem_files : tuple of Path
        In the web folder.
    tables_file : Path
        In the web folder.
    highlights : tuple of WaveformData
        Top highlight, top 3 components, what speaks against; what there is of these.
    mixer : MixerData
    """

    explanation: Explanation
    stems: NDArray[np.float32]
    stem_files: tuple[Path, ...]
    tables_file: Path
    highlights: tuple[WaveformData, ...]
    mixer: MixerData

    def mixed(self, mask: str) -> NDArray[np.float32]:
        """Mix what a mask leaves on."""
        explanation = self.explanation
        count = len(explanation.weights)
        on = decode_mask(mask, count) if mask else np.ones(count)
        return mix(self.stems, explanation.segments, explanation.grid(np.flatnonzero(on).tolist()))

    def mask(self, text: str) -> str:
        """Return a mask if it is one of this explanation, otherwise the empty one: all on."""
        try:
            decode_mask(text, len(self.explanation.weights))
        except ParameterError:
            return ""
        return text

    def downloads(self, mask: str, *, title: str, name: str) -> list[Download]:
        """List what can be saved; it is made when somebody wants it.

        Parameters
        ----------
        mask : str
            What the mixer plays.
        title : str
            Of the track.
        name : str
            Of the listener.
        """
        stem = "".join(c if c.isalnum() else "_" for c in title).strip("_")[:60] or "track"
        type = self.explanation.type
        return [
            Download("This mix as FLAC", f"{stem}-mix.flac", "audio/flac",
                     lambda: self._mix_file(mask, ".flac")),
            Download("This mix as MP3", f"{stem}-mix.mp3", "audio/mpeg",
                     lambda: self._mix_file(mask, ".mp3")),
            Download("The explanation as JSON", f"{stem}-{type}.json", "application/json",
                     lambda: (json.dumps(to_json(self.explanation), indent=1) + "\n").encode()),
            Download("A page that plays it without a server (HTML)", f"{stem}-{type}.html",
                     "text/html", lambda: self._page(mask, title, name).encode()),
        ]  # fmt: skip

    def _mix_file(self, mask: str, suffix: str) -> bytes:
        waveform = self.mixed(mask)
        peak = float(np.abs(waveform).max(initial=0.0))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"mix{suffix}"
            write_audio(path, waveform / peak if peak > 1 else waveform, sample_rate=SAMPLE_RATE)
            return path.read_bytes()

    def _page(self, mask: str, title: str, name: str) -> str:
        mixer = MixerData.of(
            self.explanation,
            [Resource.embed(path) for path in self.stem_files],
            Resource.embed(self.tables_file),
            mask=mask,
        )
        return share_page(
            mixer,
            title=f"{title}, for {name}",
            about=_about(self.explanation, name),
            explanation=to_json(self.explanation),
        )


def exhibit(commission: Commission, explanation: Explanation) -> Exhibit:
    """Put everything that the browser needs into the web folder, and say what is where."""
    web_folder = commission.web_folder
    stems = commission.subject().stems
    request = explanation.request
    stem_places = web_files.stems(stems, request.audio_checksum, web_folder)
    about_tables = {**asdict(request), "type": "", "num_samples": ""}
    tables_place = web_files.tables(
        commission.store.tables_path(commission.track_id), _digest(about_tables), web_folder
    )

    def resource(place: str) -> Resource:
        return Resource(url=generate_audio_link(place, base_url=commission.base_url))

    def highlight(title: str, components: list[int], name: str) -> WaveformData:
        heard = mix(stems.waveforms, explanation.segments, explanation.grid(components))
        place = f"highlights/{_digest(asdict(request))}/{name}.flac"
        web_files.audio(trim(heard), place, web_folder)
        return WaveformData(
            title=title,
            audio=resource(place),
            duration_s=heard.shape[0] / SAMPLE_RATE,
            offset_s=_begin_s(heard),
            lanes=_lanes(explanation, stems.waveforms, components, against=name == "against"),
        )

    top, against = explanation.top(3), explanation.against(3)
    wanted = [
        ("Top highlight", top[:1], "top1"),
        ("Top 3 components", top if len(top) > 1 else [], "top3"),
        ("Against", against, "against"),
    ]
    return Exhibit(
        explanation=explanation,
        stems=stems.waveforms,
        stem_files=tuple(web_folder / place for place in stem_places),
        tables_file=web_folder / tables_place,
        highlights=tuple(highlight(*one) for one in wanted if one[1]),
        mixer=MixerData.of(
            explanation,
            [resource(place) for place in stem_places],
            resource(tables_place),
            actions=(("share", "Share or save this mix"),),
        ),
    )


def _about(explanation: Explanation, name: str) -> list[str]:
    best = [component_phrase(explanation, index) for index in explanation.top(3)]
    masks = explanation.request.num_samples
    return [
        f"{TYPE_LABELS[explanation.type]} explanation of a recommendation to {name}. "
        f"Relevance {explanation.relevance:.2f}, fidelity {explanation.fidelity:.2f}, "
        f"{'all' if masks == 'exhaustive' else masks} combinations looked at.",
        f"Speaks for it: {', '.join(best)}." if best else "Nothing speaks for it.",
    ]


def _lanes(
    explanation: Explanation,
    stems: NDArray[np.float32],
    components: list[int],
    *,
    against: bool,
) -> tuple[Lane, ...]:
    """One lane for each stem that is heard; Time explanations have the whole mix in one."""
    kind = "against" if against else "top"
    spans: dict[int, list[Span]] = {}
    for component in components:
        cells = explanation.cells(component)
        start = explanation.segments[cells[0][0]][0] / SAMPLE_RATE
        end = explanation.segments[cells[-1][0]][1] / SAMPLE_RATE
        row = -1 if explanation.type == "time" else cells[0][1]
        spans.setdefault(row, []).append(Span(start, end, kind=kind))  # type: ignore[arg-type]
    return tuple(
        Lane(
            name="mix" if row < 0 else explanation.stem_names[row],
            peaks=peaks(stems.sum(axis=0) if row < 0 else stems[row]),
            spans=tuple(sorted(marks, key=lambda span: span.start_s)),
        )
        for row, marks in sorted(spans.items())
    )


def _begin_s(heard: NDArray[np.float32]) -> float:
    """Where what is heard begins once `trim` has cut the silence away [s]."""
    sounding = np.flatnonzero(np.abs(heard) > SILENCE)
    fade = round(FADE_S * SAMPLE_RATE)
    return max(int(sounding[0]) - fade, 0) / SAMPLE_RATE if len(sounding) else 0.0


def _digest(content: dict[str, object]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
