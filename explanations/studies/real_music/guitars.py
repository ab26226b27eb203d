"""Songs whose guitar is a file of its own: a catalogue with true stems of real music.

Games such as Frets on Fire keep a song as `song.ogg`, without its guitar, and `guitar.ogg`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audiolime.metrics import top_k
from audiolime.separation.quality import si_sdr
from explanations.studies.separators.measuring import Explained, explain_with_each
from explanations.studies.study import Item, Row
from explanations.studies.subjects import StudyContext
from lemons_audio import read_audio, to_catalogue_audio, to_int16, write_audio
from lemons_utils import SAMPLE_RATE, DataError
from recsys.catalogue import Catalogue, save_audio, write_tracks

CATALOGUE = "guitars"
GUITAR = "guitar"
EXCERPT_S = 30.0
FIRST_S = 30.0
"""The first excerpt begins here, after the song's introduction."""
_PEAK = 0.95


def guitar_catalogue(songs: Sequence[Path], folder: Path, excerpts: int) -> Catalogue:
    """Make a catalogue of excerpts with their true stems: `guitar` and `accompaniment`.

    Parameters
    ----------
    songs : sequence of Path
        Folders that hold folders with `song.ogg` and `guitar.ogg`.
    folder : Path
        The catalogue's folder; it is written anew.
    excerpts : int > 0
        How many excerpts of 30 s to take of each song, as far as it goes.

    Raises
    ------
    DataError
        If there are no such songs.
    """
    folders = sorted({path.parent for home in songs for path in home.rglob("guitar.ogg")})
    folders = [song for song in folders if (song / "song.ogg").is_file()]
    if not folders:
        raise DataError(
            f"{', '.join(map(str, songs))}: no folder there holds song.ogg and guitar.ogg "
            "(Debian's package fretsonfire-songs-sectoid, unpacked, has four)"
        )
    rows = []
    for song in folders:
        for number, parts in enumerate(_excerpts(song, excerpts)):
            track_id = _keep(parts, folder)
            title = f"{song.name}, {FIRST_S + number * EXCERPT_S:.0f} s"
            rows.append({"track_id": track_id, "title": title, "samples": parts.shape[1]})
    write_tracks(folder, pd.DataFrame(rows).drop_duplicates("track_id"))
    return Catalogue(folder.name, folder)


def _excerpts(song: Path, count: int) -> Iterator[NDArray[np.float32]]:
    """Yield excerpts [2, samples] of accompaniment and guitar, both turned down alike."""
    for number in range(count):
        parts = []
        for file in ("song.ogg", "guitar.ogg"):
            start_s = FIRST_S + number * EXCERPT_S
            part, rate = read_audio(song / file, start_s=start_s, duration_s=EXCERPT_S)
            if not part.shape[1]:
                return
            parts.append(to_catalogue_audio(part, rate))
        samples = min(len(part) for part in parts)
        both = np.stack([part[:samples] for part in parts])
        if samples >= 0.9 * EXCERPT_S * SAMPLE_RATE and both[1].any():
            loudest = float(np.abs(both.sum(axis=0)).max(initial=float(np.abs(both).max())))
            yield both * np.float32(min(1.0, _PEAK / loudest))


def _keep(parts: NDArray[np.float32], folder: Path) -> str:
    whole = to_int16(parts)
    track_id = save_audio(folder, whole.sum(axis=0, dtype=np.int16))
    for name, stem in zip(("accompaniment", GUITAR), whole, strict=True):
        path = folder / "stems" / track_id / f"{name}.flac"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_audio(path, stem / np.float32(32768), sample_rate=SAMPLE_RATE)
    return track_id


def measure_guitar(item: Item, *, context: StudyContext) -> list[Row]:
    """Explain an excerpt with its true stems and with each separator's, and compare.

    No separator knows guitars; what comes nearest is the stem with the highest SI-SDR of the
    true guitar.
    """
    explanations = explain_with_each(item, "source", replace(context, catalogue_name=CATALOGUE))
    true = explanations[0]
    guitar = true.waveforms[true.names.index(GUITAR)]
    identity = {name: item[name] for name in ("user_name", "track_id", "title")}
    return [identity | _row(explained, true, guitar) for explained in explanations]


def _row(explained: Explained, true: Explained, guitar: NDArray[np.float32]) -> Row:
    scores = [si_sdr(guitar, stem) for stem in explained.waveforms]
    nearest = true.names.index(GUITAR) if explained is true else int(np.argmax(scores))
    weights = explained.weights[0]
    mix = guitar if len(explained.waveforms) == 1 else explained.waveforms.sum(axis=0)
    return {
        "separator": explained.separator,
        "stem_names": ", ".join(explained.names),
        "nearest": explained.names[nearest],
        "weight": float(weights[nearest]),
        "rest": float(weights.sum() - weights[nearest]),
        "first": explained.names[int(top_k(weights, 1)[0])],
        "improvement": None if explained is true else scores[nearest] - si_sdr(guitar, mix),
        **explained.numbers,
    }
