"""Factorizations that separate the track themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiolime.components.factorization import CompositionFn, SourceSeparationBasedFactorization
from audiolime.components.segmentation import SegmentationParams
from audiolime.separation import get_separator
from audiolime.separation.interface import drop_silent
from lemons_audio import write_audio
from lemons_utils import ParameterError

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
    n_temporal_segments : int, optional
        An older name of `temporal_segmentation_params`.
    """

    def __init__(
        self,
        input: Any,
        temporal_segmentation_params: SegmentationParams = None,
        composition_fn: CompositionFn | None = None,
        target_sr: int = 16_000,
        model_name: str = "spleeter:5stems",
        *,
        n_temporal_segments: int | None = None,
    ) -> None:
        self.model_name = model_name
        params = n_temporal_segments or temporal_segmentation_params
        super().__init__(input, target_sr, params, composition_fn, separator=model_name)

    def initialize_components(self) -> tuple[Sequence[Any], Sequence[str]]:
        """Separate the mix."""
        stems = self.separator.separate(self._original_mix, self.target_sr)
        return list(stems), self.separator.stem_names


class SpleeterPrecomputedFactorization(SeparatedFactorization):
    """Stems that were separated before, by any tool, as audio files in a folder per track.

    audioLIME kept them as pickles, which LEMONS never reads: separate once more with
    `recompute=True`, or write them with Spleeter's own command.

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
        folder = Path(spleeter_sources_path) / model_name / Path(input).stem
        if recompute:
            separated = SpleeterFactorization(input, 1, None, target_sr, model_name)
            names = separated.separator.stem_names
            for name, stem in zip(names, separated.original_components, strict=True):
                write_audio(folder / f"{name}.flac", stem, sample_rate=target_sr)
        super().__init__(
            input,
            target_sr,
            temporal_segmentation_params,
            composition_fn,
            separator=get_separator("folder", folder=folder),
        )
