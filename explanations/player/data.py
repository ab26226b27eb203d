"""What the browser half is told: which audio, which components, which weights."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiolime.components import Components
from explanations.player.palette import FULL_WEIGHT
from lemons_utils import MEDIA_TYPES, SAMPLE_RATE, DataError, ParameterError

PEAKS = 1200
"""Points of a waveform: more than a player is wide on most screens."""


@dataclass(frozen=True)
class Resource:
    """A file for the browser: by its address, or with its content where there is no server.

    Parameters
    ----------
    url : str
        From `lemons_utils.generate_audio_link`.
    content : bytes
        The file itself; then there is no address.
    media_type : str
        Type of the content, e.g. "audio/flac".
    """

    url: str = ""
    content: bytes = b""
    media_type: str = ""

    def __post_init__(self) -> None:
        if bool(self.url) == bool(self.content):
            raise ParameterError("a resource has either an address or a content")

    @classmethod
    def embed(cls, path: Path) -> Resource:
        """Take the content of a file."""
        if not path.is_file() or not path.stat().st_size:
            raise DataError(f"{path} is missing or empty: it cannot go into a page")
        return cls(content=path.read_bytes(), media_type=MEDIA_TYPES.get(path.suffix.lower(), ""))

    def to_json(self) -> dict[str, str]:
        """Write it as the browser reads it."""
        if self.url:
            return {"url": self.url}
        text = base64.b64encode(self.content).decode("ascii")
        return {"base64": text, "media_type": self.media_type}


@dataclass(frozen=True)
class PairData:
    """Two components that change each other's effect: by how much, and a sentence about it."""

    first: int
    second: int
    interaction: float
    words: str


@dataclass(frozen=True)
class MixerData:
    """All that the what-if mixer needs to know of an explanation.

    Parameters
    ----------
    kind : "time", "source" or "time_source"
        Kind of the components that the cells of the mixer switch.
    segments : tuple of (start, end) [samples], half-open, without gaps, from 0 on
    stem_names : tuple of str
    stems : tuple of Resource
        Audio of each stem over the whole track.
    weights : tuple of float
        One per component; of Time + Source segment by segment, stem by stem.
    relevance : float in [0, 1]
        With everything on.
    least : float >= 0
        Weights below this size count neither for nor against the track.
    pairs : tuple of PairData
        Drawn over the map, with their sentences below it.
    lead : (mask, label), or None
        The mix that the page's first sentence is about, and the words on the button that plays it.
    tables : Resource, or None
        `tables.npz` of the exact engine; without it the gauge knows the whole track only.
    heads : Resource, or None
        From `heads_json`, where the tables are those of a trunk.
    listener : str
        Which of the heads the gauge speaks for.
    labels : tuple of (name, label)
        How the page calls the listeners of the heads, where that is not by their name.
    mask : str
        What is on at first, as `encode_mask` writes it; empty for everything.
    actions : tuple of (id, label)
        Buttons that report to Python, together with the mask.
    sample_rate : int > 0 [Hz]
    """

    kind: str
    segments: tuple[tuple[int, int], ...]
    stem_names: tuple[str, ...]
    stems: tuple[Resource, ...]
    weights: tuple[float, ...]
    relevance: float
    least: float = 0.0
    pairs: tuple[PairData, ...] = ()
    lead: tuple[str, str] | None = None
    tables: Resource | None = None
    heads: Resource | None = None
    listener: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    mask: str = ""
    actions: tuple[tuple[str, str], ...] = ()
    sample_rate: int = SAMPLE_RATE

    def __post_init__(self) -> None:
        count = self.components.count
        if len(self.weights) != count or not self.weights:
            raise ParameterError(
                f"a {self.kind} explanation of {len(self.segments)} segments and "
                f"{len(self.stem_names)} stems has {count} weights, got {len(self.weights)}"
            )
        if len(self.stems) != len(self.stem_names):
            raise ParameterError(
                f"expected audio for {len(self.stem_names)} stems, got {len(self.stems)}"
            )
        starts = [start for start, _ in self.segments]
        if starts != [0, *(end for _, end in self.segments[:-1])]:
            raise ParameterError(f"segments must follow each other from 0, got {self.segments}")
        if bool(self.heads) != bool(self.listener):
            raise ParameterError("heads go with the name of the listener whose head is chosen")
        for pair in self.pairs:
            if not 0 <= min(pair.first, pair.second) < max(pair.first, pair.second) < count:
                raise ParameterError(f"expected a pair of the {count} components, got {pair}")
        for mask in filter(None, (self.mask, self.lead and self.lead[0])):
            decode_mask(mask, len(self.weights))

    @property
    def components(self) -> Components:
        """The components that the weights belong to."""
        return Components(self.kind, self.segments, self.stem_names)

    def to_json(self) -> dict[str, Any]:
        """Write it as the browser reads it: a row for each stem group, a column for each span."""
        components = self.components
        rows = zip(components.row_names, components.stem_groups, strict=True)
        columns = zip(components.spans, components.segment_groups, strict=True)
        stems = zip(self.stem_names, self.stems, strict=True)
        return {
            "kind": "mixer",
            "type": self.kind,
            "rows": [{"name": name, "stems": list(group)} for name, group in rows],
            "columns": [
                {"start": start, "end": end, "segments": list(group)}
                for (start, end), group in columns
            ],
            "sample_rate": self.sample_rate,
            "segments": [list(bounds) for bounds in self.segments],
            "stems": [{"name": name, **stem.to_json()} for name, stem in stems],
            "weights": list(self.weights),
            "relevance": self.relevance,
            "least": self.least,
            "full": FULL_WEIGHT,
            "pairs": [vars(pair) for pair in self.pairs],
            "lead": {"mask": self.lead[0], "label": self.lead[1]} if self.lead else None,
            "tables": self.tables.to_json() if self.tables else None,
            "heads": self.heads.to_json() if self.heads else None,
            "listener": self.listener,
            "labels": dict(self.labels),
            "mask": self.mask,
            "actions": [{"id": id_, "label": label} for id_, label in self.actions],
        }


@dataclass(frozen=True)
class HeadData:
    """A listener's head on a trunk: weights along its directions, weights of maxima, bias."""

    name: str
    weights: tuple[float, ...]
    bias: float
    max_weights: tuple[float, ...] = ()


def heads_json(heads: Sequence[HeadData]) -> str:
    """Write the heads of a trunk's listeners as the browser reads them."""
    content = {"format": "lemons-heads", "version": 1, "heads": [vars(head) for head in heads]}
    return json.dumps(content, allow_nan=False)


@dataclass(frozen=True)
class Span:
    """A stretch to mark in a waveform, with a button that plays it alone."""

    start_s: float
    end_s: float
    label: str = ""
    kind: Literal["top", "against"] = "top"


@dataclass(frozen=True)
class Lane:
    """One waveform of a player: its name, how it looks, what is marked in it.

    Parameters
    ----------
    name : str
    peaks : tuple of float, or None
        From `peaks`; without them the browser decodes `audio`, or what is played.
    audio : Resource, or None
        A recording to look at that is not the one to hear, e.g. the stem of a highlight.
    spans : tuple of Span
    """

    name: str = ""
    peaks: tuple[float, ...] | None = None
    audio: Resource | None = None
    spans: tuple[Span, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write it as the browser reads it."""
        return {
            "name": self.name,
            "peaks": None if self.peaks is None else list(self.peaks),
            **(self.audio.to_json() if self.audio else {}),
            "spans": [vars(span) for span in self.spans],
        }


@dataclass(frozen=True)
class WaveformData:
    """A recording to hear, and the waveforms to follow it in.

    Parameters
    ----------
    title : str
    audio : Resource
        What is heard.
    duration_s : float > 0 [s]
        Length of the lanes.
    lanes : tuple of Lane
        At least one; a plain `Lane()` shows the recording itself.
    offset_s : float >= 0 [s]
        Where on the lanes the recording begins, for one that was trimmed.
    autoplay : bool
        Whether it plays at once, where the browser lets it.
    """

    title: str
    audio: Resource
    duration_s: float
    lanes: tuple[Lane, ...] = (Lane(),)
    offset_s: float = 0.0
    autoplay: bool = False

    def __post_init__(self) -> None:
        if self.duration_s <= 0 or not self.lanes:
            raise ParameterError(
                f"expected a duration above 0 s and a lane, got {self.duration_s} s and "
                f"{len(self.lanes)} lanes"
            )

    def to_json(self) -> dict[str, Any]:
        """Write it as the browser reads it."""
        return {
            "kind": "waveform",
            "title": self.title,
            **self.audio.to_json(),
            "duration_s": self.duration_s,
            "offset_s": self.offset_s,
            "autoplay": self.autoplay,
            "lanes": [lane.to_json() for lane in self.lanes],
        }


def peaks(waveform: NDArray[np.floating], count: int = PEAKS) -> tuple[float, ...]:
    """Loudest sample of each of `count` equal stretches: a waveform to draw.

    Parameters
    ----------
    waveform : ndarray [shape=(samples,)]
    count : int > 0

    Returns
    -------
    tuple of float, at most `count`, rounded to a thousandth
    """
    if waveform.ndim != 1 or not len(waveform) or count < 1:
        raise ParameterError(
            f"expected mono audio and a count above 0, got shape {waveform.shape} and {count}"
        )
    starts = np.unique(np.linspace(0, len(waveform), count, endpoint=False).astype(int))
    loudest = np.maximum.reduceat(np.abs(waveform), starts)
    return tuple(round(float(value), 3) for value in loudest)


def encode_mask(mask: ArrayLike) -> str:
    """Write a mask for a link: hexadecimal, four components a digit, the first in front.

    Parameters
    ----------
    mask : array_like [shape=(n,)], 0 or 1
        One value per component.
    """
    bits = np.packbits(np.asarray(mask) != 0)
    return bits.tobytes().hex()[: -(-np.asarray(mask).size // 4)]


def decode_mask(text: str, count: int) -> NDArray[np.uint8]:
    """Read what `encode_mask` wrote of a number of components.

    Returns
    -------
    ndarray [shape=(count,)], uint8

    Raises
    ------
    ParameterError
        If the text is no mask of so many components.
    """
    digits = -(-count // 4)
    if len(text) != digits or not set(text) <= set("0123456789abcdef"):
        raise ParameterError(
            f"a mask of {count} components has {digits} hexadecimal digits, got {text!r}"
        )
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(text + "0" * (digits % 2)), dtype=np.uint8))
    if bits[count:].any():
        raise ParameterError(f"the mask {text!r} is of more than {count} components")
    return bits[:count]
