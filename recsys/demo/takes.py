"""Record the mix of a song, and render its stems again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lemons_audio import audio_checksum
from lemons_limits import decode_json
from lemons_utils import DataError
from recsys.arrays import save_audio
from recsys.demo.band import mix, render
from recsys.demo.song import Song, compose

if TYPE_CHECKING:
    from recsys.catalogue import Catalogue


def stems(track: Song | int | str) -> NDArray[np.int16]:
    """Render the true stems of a track.

    Parameters
    ----------
    track : Song, seed, or text of column `song` of a recorded catalogue

    Returns
    -------
    ndarray [shape=(5, 480000)], int16, 16 kHz
        Vocals, piano, drums, bass, other; they sum to the mix, sample for sample.
    """
    if isinstance(track, int):
        track = compose(track)
    return render(from_json(track) if isinstance(track, str) else track)


def stems_of(catalogue: Catalogue, track_id: str) -> NDArray[np.int16]:
    """Render the true stems of a recorded track; check that they sum to its mix.

    Returns
    -------
    ndarray [shape=(5, 480000)], int16, 16 kHz
        See `stems`.

    Raises
    ------
    DataError
        If the catalogue was not recorded by this band, lacks the track, or was recorded by
        another version of the band.
    """
    tracks = catalogue.tracks
    if "song" not in tracks:
        raise DataError(f"catalogue {catalogue.name} has no true stems: the band did not play it")
    rows = tracks[tracks["track_id"] == track_id]
    if rows.empty:
        raise DataError(f"catalogue {catalogue.name} has no track {track_id}")
    played = stems(str(rows["song"].iloc[0]))
    if audio_checksum(mix(played)) != track_id:
        raise DataError(
            f"track {track_id} of catalogue {catalogue.name} was recorded by another version of "
            f"the band, NumPy or SciPy: run the command that recorded it again (python -m "
            "recsys.demo for the demo catalogue)"
        )
    return played


def to_json(song: Song) -> str:
    """Return all decisions of a song as one line of JSON."""
    return json.dumps(asdict(song), separators=(",", ":"), ensure_ascii=False)


def from_json(text: str) -> Song:
    """Return the song that `to_json` wrote.

    Raises
    ------
    DataError
        If the text is not a song of this version.
    """
    return decode_json(text.encode(), Song, "this", "song as `to_json` writes it")


def take(song: Song, name: str, folder: Path) -> tuple[str, str]:
    """Render a song and store its mix in a catalogue; return the given name and the track id."""
    return name, save_audio(folder, mix(render(song)))
