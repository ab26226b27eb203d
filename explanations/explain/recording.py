"""Audio to explain: a file, or a track of a catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.separation import get_separator
from audiolime.separation.interface import Separator
from explanations.stems import DEFAULT_SEPARATOR, separator_for
from lemons_audio import audio_length_s
from lemons_utils import SAMPLE_RATE, Configuration, ParameterError
from recsys.catalogue import open_catalogue
from recsys.ingest import Excerpt, decode


@dataclass(frozen=True)
class Recording:
    """Audio to explain.

    Parameters
    ----------
    title : str
    audio : ndarray [shape=(samples,)], int16, 16 kHz mono
    full_s : float [s]
        Duration before it was cut.
    separator : Separator
    track_id : str, optional
        Of a track of a catalogue.
    """

    title: str
    audio: NDArray[np.int16]
    full_s: float
    separator: Separator
    track_id: str | None = None


def read_recording(
    path_or_track_id: Path | str,
    *,
    catalogue: str,
    separator: str | None,
    config: Configuration,
    excerpt_s: float = 30.0,
) -> Recording:
    """Read an audio file, or a track of a catalogue, and choose its separator.

    Parameters
    ----------
    path_or_track_id : Path or str
        A path is a file; a string is a track of the catalogue.
    catalogue : str
    separator : str, optional
    config : Configuration
    excerpt_s : float [s]
        Of a longer file, only so much in the middle is decoded; 0 takes all of it.

    Raises
    ------
    DataError
        If a file cannot be decoded, is silent, shorter than a second or beyond a limit.
    """
    if isinstance(path_or_track_id, str):
        tracks = open_catalogue(catalogue, data_folder=config.data_folder)
        audio = tracks.audio(path_or_track_id)
        row = tracks.tracks.set_index("track_id").loc[path_or_track_id]
        title = f"{row['artist']} - {row['title']}" if row["artist"] else str(row["title"])
        chosen = separator_for(tracks, path_or_track_id, separator)
        return Recording(title, audio, len(audio) / SAMPLE_RATE, chosen, path_or_track_id)
    audio = decode(path_or_track_id, Excerpt(excerpt_s or None))
    full_s = len(audio) / SAMPLE_RATE
    if full_s == excerpt_s:
        full_s = max(full_s, audio_length_s(path_or_track_id))
    name = separator or DEFAULT_SEPARATOR
    if name in ("truth", "folder"):
        raise ParameterError(
            f"the separator {name} serves tracks of a catalogue (--track), not a file: "
            f"choose another one, e.g. {DEFAULT_SEPARATOR}"
        )
    return Recording(path_or_track_id.stem, audio, full_s, get_separator(name))
