"""What is seen, heard and saved of an explanation on the page."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audiolime.exact import TrunkTables
from explanations.app import web_files
from explanations.app.explanation_job import ExplanationJob
from explanations.app.pair_words import pair_marks
from explanations.app.phrases import LANE_NAMES
from explanations.app.reasons import LIKED, FirstSentence, answer, best_mix, phrase
from explanations.explain.playback import FADE_S, SILENCE, mix, trim
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
from explanations.store import TITLES, Explanation, to_json
from lemons_utils import SAMPLE_RATE, ParameterError, generate_audio_link
from recsys.heads import Head


@dataclass(frozen=True)
class Download:
    """A file to save: label of the button, name and type of the file, and how it is made."""

    label: str
    file_name: str
    media_type: str
    make: Callable[[], bytes]


@dataclass(frozen=True)
class ExplanationView:
    """All that the page shows of one explanation.

    Parameters
    ----------
    stems : ndarray [shape=(stems, samples)], float32
    stem_files, tables_file
        In the web folder.
    highlights : tuple of WaveformData
        Those that exist of the top highlight, the top 3 components and what speaks against.
    model : str
        The experiment whose model is explained.
    answer : FirstSentence
        What the page says first.
    head : Head, or None
        Its head, where the tables are those of a trunk.
    """

    explanation: Explanation
    stems: NDArray[np.float32]
    stem_files: tuple[Path, ...]
    tables_file: Path
    highlights: tuple[WaveformData, ...]
    mixer: MixerData
    model: str
    answer: FirstSentence
    head: Head | None = None

    def mask(self, text: str) -> str:
        """Return a mask if it is one of this explanation, and empty if it is not or all is on."""
        try:
            mask = decode_mask(text, len(self.explanation.weights))
        except ParameterError:
            return ""
        return "" if mask.all() else text

    def downloads(self, mask: str, *, title: str, name: str) -> list[Download]:
        """List the files that can be saved; each is made when it is asked for.

        `mask` is the one that the mixer plays, `title` the track's and `name` the listener's.
        """
        stem = "".join(c if c.isalnum() else "_" for c in title).strip("_")[:60] or "track"
        kind = self.explanation.kind
        return [
            Download("This mix as FLAC", f"{stem}-mix.flac", "audio/flac",
                     lambda: self._mix_file(mask, ".flac")),
            Download("This mix as MP3", f"{stem}-mix.mp3", "audio/mpeg",
                     lambda: self._mix_file(mask, ".mp3")),
            Download("The explanation as JSON", f"{stem}-{kind}.json", "application/json",
                     lambda: (json.dumps(to_json(self.explanation), indent=1) + "\n").encode()),
            Download("A page that plays it without a server (HTML)", f"{stem}-{kind}.html",
                     "text/html", lambda: self._page(mask, title, name).encode()),
        ]  # fmt: skip

    def _mix_file(self, mask: str, suffix: str) -> bytes:
        """Mix the components that a mask leaves on, and encode that."""
        explanation = self.explanation
        count = len(explanation.weights)
        on = np.flatnonzero(decode_mask(mask, count) if mask else np.ones(count)).tolist()
        waveform = mix(self.stems, explanation.segments, explanation.grid(on))
        with tempfile.TemporaryDirectory() as folder:
            place = web_files.audio(waveform, f"mix{suffix}", Path(folder))
            return (Path(folder) / place).read_bytes()

    def _own_tables(self) -> Resource:
        """Embed the tables of the listener alone."""
        if self.head is None:
            return Resource.embed(self.tables_file)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tables.npz"
            shared = TrunkTables.read(self.tables_file)
            shared.of_head(self.head.weight, [], self.head.bias).write(path)
            return Resource.embed(path)

    def _page(self, mask: str, title: str, name: str) -> str:
        mixer = replace(
            self.mixer,
            stems=tuple(Resource.embed(path) for path in self.stem_files),
            tables=self._own_tables(),
            heads=None,
            listener="",
            mask=mask,
        )
        return share_page(
            mixer,
            title=f"{title}, for {name}",
            about=[*_about(self.explanation, name), f"Model: {self.model}."],
            explanation=to_json(self.explanation),
        )


def view_explanation(
    job: ExplanationJob,
    explanation: Explanation,
    *,
    name: str,
    title: str,
    heads: str = "",
    labels: tuple[tuple[str, str], ...] = (),
) -> ExplanationView:
    """Put what the browser needs of an explanation into the web folder, and describe it.

    Parameters
    ----------
    job : ExplanationJob
    explanation : Explanation
    name, title : str
        What the page calls the listener and the track.
    heads : str
        The place of `job.heads()`, which other listeners change.
    labels : tuple of (user_name, name)
        What the page calls the listeners of the heads.
    """
    web_folder = job.web_folder
    stems = job.subject().stems
    request = to_json(explanation)["request"]
    stem_places = web_files.stems(stems, explanation.request.audio_checksum, web_folder)
    about_tables = {**request, "type": "", "num_samples": ""}
    if job.listener.trunk is not None:
        about_tables["model_checksum"] = job.listener.trunk.checksum
    tables_place = web_files.tables(job.tables_path, _digest(about_tables), web_folder)

    def resource(place: str) -> Resource:
        return Resource(url=generate_audio_link(place, base_url=job.base_url))

    def highlight(title: str, components: list[int], name: str) -> WaveformData:
        heard = mix(stems.waveforms, explanation.segments, explanation.grid(components))
        place = f"highlights/{_digest(request)}/{name}.flac"
        web_files.audio(trim(heard), place, web_folder)
        return WaveformData(
            title=title,
            audio=resource(place),
            duration_s=heard.shape[0] / SAMPLE_RATE,
            offset_s=_begin_s(heard),
            lanes=_lanes(explanation, stems.waveforms, components, against=name == "against"),
        )

    top, against = explanation.top(3), explanation.against(3)
    highlights = [
        ("Top highlight", top[:1], "top1"),
        ("Top 3 components", top if len(top) > 1 else [], "top3"),
        ("Against", against, "against"),
    ]
    audio = [resource(place) for place in stem_places]
    tables = job.tables()
    nothing = float(tables.relevance(np.zeros((1, tables.n_components)))[0])
    best = best_mix(tables, explanation.kind) if explanation.relevance < LIKED else None
    first = answer(explanation, name, title, nothing=nothing, best=best)
    return ExplanationView(
        explanation=explanation,
        stems=stems.waveforms,
        stem_files=tuple(web_folder / place for place in stem_places),
        tables_file=web_folder / tables_place,
        highlights=tuple(highlight(*one) for one in highlights if one[1]),
        mixer=replace(
            mixer_data(explanation, audio, resource(tables_place)),
            lead=(first.mask, first.label) if first.mask else None,
            heads=resource(heads) if heads else None,
            listener=job.listener.user_name if heads else "",
            labels=labels if heads else (),
        ),
        model=job.listener.found.name,
        answer=first,
        head=job.listener.head,
    )


def mixer_data(explanation: Explanation, stems: Sequence[Resource], tables: Resource) -> MixerData:
    """Describe an explanation for the mixer; `stems` are in the order of its stem names."""
    return MixerData(
        kind=explanation.kind,
        segments=explanation.segments,
        stem_names=explanation.stem_names,
        stems=tuple(stems),
        weights=explanation.weights,
        relevance=explanation.relevance,
        least=explanation.least,
        pairs=pair_marks(explanation),
        tables=tables,
        actions=(("share", "Share or save this mix"),),
    )


def _about(explanation: Explanation, name: str) -> list[str]:
    best = explanation.top(3)
    masks = explanation.request.num_samples
    with_pairs = explanation.fidelity_with_pairs
    pairs = "" if with_pairs is None else f" (with pairs {with_pairs:.2f})"
    return [
        f"{TITLES[explanation.kind]} explanation of a recommendation to {name}. "
        f"Relevance {explanation.relevance:.2f}, fidelity {explanation.fidelity:.2f}{pairs}, "
        f"{'all' if masks == 'exhaustive' else masks} combinations looked at.",
        f"Speaks for it: {phrase(explanation, best)}." if best else "Nothing speaks for it.",
    ]


def _lanes(
    explanation: Explanation,
    stems: NDArray[np.float32],
    components: list[int],
    *,
    against: bool,
) -> tuple[Lane, ...]:
    """Make a lane for each stem that is heard; Time explanations have the whole mix in one."""
    sign: Literal["top", "against"] = "against" if against else "top"
    spans: dict[tuple[int, ...], list[Span]] = {}
    for component in components:
        start, end = (edge / SAMPLE_RATE for edge in explanation.components.span_of(component))
        heard = tuple(dict.fromkeys(stem for _, stem in explanation.cells(component)))
        spans.setdefault(heard, []).append(Span(start, end, kind=sign))
    return tuple(
        Lane(
            name=LANE_NAMES[explanation.kind].format(stem=explanation.stem_names[heard[0]]),
            peaks=peaks(stems[list(heard)].sum(axis=0)),
            spans=tuple(sorted(marks, key=lambda span: span.start_s)),
        )
        for heard, marks in sorted(spans.items())
    )


def _begin_s(heard: NDArray[np.float32]) -> float:
    """Return where the sound begins once `trim` has cut the silence away [s]."""
    sounding = np.flatnonzero(np.abs(heard) > SILENCE)
    fade = round(FADE_S * SAMPLE_RATE)
    return max(int(sounding[0]) - fade, 0) / SAMPLE_RATE if len(sounding) else 0.0


def _digest(content: dict[str, object]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
