"""Factorizations that separate the track themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiolime.components.factorization import CompositionFn
from audiolime.components.segmentation import SegmentationParams
from audiolime.components.stem_factorization import SourceSeparationBasedFactorization
from audiolime.separation import get_separator
from audiolime.separation.folder import RESIDUAL
from audiolime.separation.interface import drop_silent
from lemons_audio import write_audio
from lemons_utils import DataError, ParameterError

if TYPE_CHECKING:
    from audiolime.separation.interface import Separator


class SeparatedFactorization(SourceSeparationBasedFactorization):
    """Stems of one of audiolime's separators, within segments.

    Stems that are silent throughout are left out: they explain nothing and double the number
    of masks.

    Parameters
    ----------
    input, target_sr, temporal_segmentation_params, composition_fn : see `Factorization`
        With one segment, stems are components over the whole track.
    separator : str or Separator
        A name that `audiolime.separation.get_separator` knows, or any object with
        `stem_names` and `separate`.
    """

    def __init__(
        self,
        input: Any,
        target_sr: int = 16_000,
        temporal_segmentation_params: SegmentationParams = None,
        composition_fn: CompositionFn | None = None,
        *,
        separator: str | Separator = "hybrid",
    ) -> None:
        self.separator = get_separator(separator) if isinstance(separator, str) else separator
        super().__init__(input, target_sr, temporal_segmentation_params, composition_fn)

    def initialize_components(self) -> tuple[Sequence[Any], Sequence[str]]:
        """Separate the mix."""
        stems = self.separator.separate(self._original_mix, self.target_sr)
        names, kept = drop_silent(tuple(self.separator.stem_names), stems)
        return list(kept), names


class SpleeterFactorization(SeparatedFactorization):
    """Spleeter's stems, with the arguments in audioLIME's order; silent stems stay.

    Parameters
    ----------
    input, temporal_segmentation_params, composition_fn, target_sr : see `Factorization`
    model_name : str
        'spleeter:2stems' comes with LEMONS; 'spleeter:5stems' Spleeter's own command
        (see docs/separation.md).
    spleeter_sources_path : str or Path, optional
        Where stems are kept as FLAC, in a folder for every model and track: those that are there
        are read, others are separated and written. `input` must have a path then.
    n_temporal_segments : int, optional
        An older name of `temporal_segmentation_params`.

    Raises
    ------
    DataError
        If there is nothing but a pickle of audioLIME's, which is never read.
    """

    def __init__(
        self,
        input: Any,
        temporal_segmentation_params: SegmentationParams = None,
        composition_fn: CompositionFn | None = None,
        target_sr: int = 16_000,
        model_name: str = "spleeter:5stems",
        spleeter_sources_path: str | Path | None = None,
        *,
        n_temporal_segments: int | None = None,
    ) -> None:
        self.model_name = model_name
        params = n_temporal_segments or temporal_segmentation_params
        separator: str | Separator = model_name
        if spleeter_sources_path is not None:
            track = input.get_audio_path() if hasattr(input, "get_audio_path") else input
            if not isinstance(track, (str, Path)):
                raise ParameterError(
                    "kept stems are found by the track's file name: input must be a path or a "
                    "data provider where spleeter_sources_path is given"
                )
            self.sources_path = _sources_of(Path(spleeter_sources_path), model_name, Path(track))
            if not _has_stems(self.sources_path):
                _refuse_pickles(self.sources_path, Path(spleeter_sources_path), Path(track))
                whole = SpleeterFactorization(input, 1, None, target_sr, model_name)
                _keep(whole, self.sources_path)
            separator = get_separator("folder", folder=self.sources_path)
        super().__init__(input, target_sr, params, composition_fn, separator=separator)

    def initialize_components(self) -> tuple[Sequence[Any], Sequence[str]]:
        """Separate the mix, or read its stems."""
        stems = self.separator.separate(self._original_mix, self.target_sr)
        names = tuple(self.separator.stem_names)
        if names[-1] == RESIDUAL and not np.any(stems[-1]):
            return list(stems[:-1]), names[:-1]
        return list(stems), names


class SpleeterPrecomputedFactorization(SpleeterFactorization):
    """Stems that were separated before, by any tool, as audio files in a folder per track.

    Parameters
    ----------
    input : str or Path
        The track; its file name says which folder its stems are in.
    temporal_segmentation_params, composition_fn, target_sr, model_name :
        See `SpleeterFactorization`.
    spleeter_sources_path : str or Path
        Stems lie in `<spleeter_sources_path>/<model_name>/<file name without suffix>/`.
    recompute : bool
        Separate now and write the stems there, as FLAC at `target_sr`.

    Raises
    ------
    DataError
        If there are no stems.
    """

    def __init__(
        self,
        input: str | Path,
        temporal_segmentation_params: SegmentationParams = None,
        composition_fn: CompositionFn | None = None,
        target_sr: int = 16_000,
        model_name: str = "spleeter:5stems",
        spleeter_sources_path: str | Path | None = None,
        recompute: bool = False,
    ) -> None:
        if not isinstance(input, (str, Path)) or spleeter_sources_path is None:
            raise ParameterError(
                "precomputed stems are found by the track's file name: input must be a path, and "
                "spleeter_sources_path the folder with the stems; otherwise use "
                "SpleeterFactorization"
            )
        home, track = Path(spleeter_sources_path), Path(input)
        folder = _sources_of(home, model_name, track)
        if recompute:
            _keep(SpleeterFactorization(input, 1, None, target_sr, model_name), folder)
        elif not _has_stems(folder):
            _refuse_pickles(folder, home, track)
            get_separator("folder", folder=folder)  # which says what is missing
        super().__init__(
            input, temporal_segmentation_params, composition_fn, target_sr, model_name, home
        )


def _sources_of(home: Path, model_name: str, track: Path) -> Path:
    """Find the folder of a track's stems; audioLIME left `spleeter:` out of it at first."""
    short = home / model_name.removeprefix("spleeter:") / track.stem
    return short if short.is_dir() and _has_stems(short) else home / model_name / track.stem


def _has_stems(folder: Path) -> bool:
    return any(folder.glob("*.flac")) or any(folder.glob("*.wav"))


def _keep(factorization: SpleeterFactorization, folder: Path) -> None:
    names = factorization.separator.stem_names
    for name, stem in zip(names, factorization.original_components, strict=True):
        write_audio(folder / f"{name}.flac", stem, sample_rate=factorization.target_sr)


def _refuse_pickles(folder: Path, home: Path, track: Path) -> None:
    """Raise a DataError if audioLIME has left a pickle where stems should be."""
    short = home / folder.parent.name.removeprefix("spleeter:")
    places = (
        folder.parent / f"{track.name}.pt",
        folder / "prediction.pt",
        short / track.stem / "prediction.pt",
    )
    for path in places:
        if path.is_file():
            raise DataError(
                f"{path} is a pickle, which can run any code and is not read: separate again with "
                "SpleeterPrecomputedFactorization(..., recompute=True), or write its stems as "
                f"{folder}/<stem>.wav where it was made"
            )
