"""Which separator serves a catalogue: the demo band's true stems, or one of audiolime's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.separation import SEPARATORS, get_separator
from audiolime.separation.cache import CachedStems, cached_stems
from audiolime.separation.interface import Separator, drop_silent
from lemons_audio import to_float32
from lemons_utils import SAMPLE_RATE, DataError, ParameterError
from recsys.catalogue import Catalogue

DEFAULT_SEPARATOR = "hybrid"
"""For real music."""

NAMES = ("truth", *SEPARATORS)
"""Everything that `separator_for` knows."""


@dataclass(frozen=True)
class Truth:
    """The true stems of one track of the demo band, played once more.

    Parameters
    ----------
    catalogue : Catalogue
        The band's.
    track_id : str
    """

    catalogue: Catalogue
    track_id: str
    name: str = "truth"
    version: str = "1"

    @property
    def stem_names(self) -> tuple[str, ...]:
        """Vocals, piano, drums, bass, other."""
        from recsys import demo

        return tuple(demo.STEMS)

    def separate(self, waveform: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
        """Play the track again and hand out its stems [shape=(5, samples)].

        Raises
        ------
        DataError
            If they do not sum to the waveform: then it is not this track.
        """
        from recsys import demo

        stems = to_float32(demo.stems_of(self.catalogue, self.track_id))
        given = np.asarray(waveform).reshape(-1)
        if sample_rate != SAMPLE_RATE or not np.array_equal(stems.sum(axis=0), given):
            raise DataError(
                f"the true stems of track {self.track_id} do not sum to the audio given: "
                "name the separator `hybrid` for audio that was changed"
            )
        return stems


def separator_for(catalogue: Catalogue, track_id: str, name: str | None = None) -> Separator:
    """Choose the separator of a track.

    Parameters
    ----------
    catalogue : Catalogue
    track_id : str
    name : str, optional
        One of `NAMES`; without it `truth` where the demo band made the catalogue, `folder` where
        the track's true stems lie in `stems/<track_id>/` of the catalogue's folder (MUSDB18's
        do), `hybrid` elsewhere.

    Raises
    ------
    ParameterError
        If there is no such separator, or the track has no true stems.
    """
    stems = catalogue.folder / "stems" / track_id
    chosen = name or _default(catalogue, stems)
    if chosen not in NAMES:
        raise ParameterError(f"separator must be one of {', '.join(NAMES)}, got {chosen!r}")
    if chosen == "truth":
        if not made_by_the_band(catalogue):
            raise ParameterError(
                f"true stems are known of the demo band's tracks alone, not of catalogue "
                f"{catalogue.name}: choose another separator, e.g. {DEFAULT_SEPARATOR}"
            )
        return Truth(catalogue, track_id)
    if chosen == "folder":
        return get_separator(chosen, folder=stems)
    return get_separator(chosen)


def _default(catalogue: Catalogue, stems: Path) -> str:
    if made_by_the_band(catalogue):
        return "truth"
    return "folder" if stems.is_dir() else DEFAULT_SEPARATOR


def stems_of(
    audio: NDArray[np.int16], separator: Separator, *, stems_folder: Path, limit_gb: float
) -> CachedStems:
    """Take the stems of a track that sound from the cache, or separate it now.

    A stem that is silent throughout is left out: it explains nothing.

    Parameters
    ----------
    audio : ndarray [shape=(samples,)], int16, 16 kHz mono
    separator : Separator
    stems_folder : Path
        `configuration().stems`.
    limit_gb : float
        `configuration().stems_cache_gb`.
    """
    found = cached_stems(audio, separator, folder=stems_folder, limit_gb=limit_gb)
    names, waveforms = drop_silent(found.names, found.waveforms)
    return replace(found, names=names, waveforms=waveforms)


def made_by_the_band(catalogue: Catalogue) -> bool:
    """Whether the demo band played a catalogue, and can play it again."""
    return "song" in catalogue.tracks
