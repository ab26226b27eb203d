"""`folder`: stems on disk, made by any tool, or those of MUSDB18."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiolime.separation.interface import as_channels, fit_length, resample, stems_that_sum
from lemons_audio import count_streams, read_audio
from lemons_utils import DataError, checksum

RESIDUAL = "residual"
RESIDUAL_DB = -20.0
"""Level from which the difference to the mix becomes a stem of its own [dB of the mix]."""

_SUFFIXES = (".wav", ".flac")
_NOT_STEMS = ("mixture", "mix", RESIDUAL)
_FIRST = ("vocals", "piano", "guitar", "drums", "bass")
_LAST = ("other", "accompaniment")
_STEM_FILE = ".stem.mp4"
_STEM_FILE_STREAMS = ("mixture", "drums", "bass", "other", "vocals")
_SLACK_S = 0.05


class FolderStems:
    """The stems of one track, read from its folder.

    A stem is a WAV or FLAC file named after the stem; `mixture` and `mix` are ignored. A file
    `NAME.stem.mp4` of MUSDB18 (streams mixture, drums, bass, other, vocals) is read as well. All
    stems must have one sample rate and one length, to within 50 ms.

    The last stem name is always `residual`. Where the files sum to the mix up to a hundredth of
    its energy (-20 dB), the difference is added to the last file's stem and `residual` is silent;
    otherwise `residual` holds the difference. `interface.drop_silent` drops silent stems.

    Parameters
    ----------
    folder : Path
        The folder of one track's stems, or its `.stem.mp4` file.

    Raises
    ------
    DataError
        If there are no stems, two files of one name, or files of different rate or length.
    """

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.name.endswith(_STEM_FILE) and folder.is_file():
            self._files = {stem: folder for stem in _ordered(_STEM_FILE_STREAMS)}
        else:
            self._files = _stem_files(folder)
        self.stem_names: tuple[str, ...] = (*self._files, RESIDUAL)

    @functools.cached_property
    def version(self) -> str:
        """Return a checksum over the files, which tells changed stems from the cached ones."""
        digest = hashlib.sha256()
        for stem, path in self._files.items():
            digest.update(f"{stem} {checksum(path)}\n".encode())
        return f"1-{digest.hexdigest()[:16]}"

    def separate(self, waveform: NDArray[np.floating], sample_rate: int) -> NDArray[np.float32]:
        """Return the stems of the track that `waveform` is; see `Separator.separate`.

        Raises
        ------
        DataError
            If the stems are longer or shorter than the track by more than 50 ms, or differ from
            it by more energy than it has, as stems of another recording do.
        """
        mix = as_channels(waveform, sample_rate)
        files, rate = self._read()
        stems = np.stack([_as_channels_of(mix, resample(s, rate, sample_rate)) for s in files])
        difference = abs(stems.shape[-1] - mix.shape[-1])
        if difference > _SLACK_S * sample_rate:
            raise DataError(
                f"the stems in {self.folder} last {stems.shape[-1] / sample_rate:.2f} s, the "
                f"track {mix.shape[-1] / sample_rate:.2f} s: put the stems of this track there"
            )
        whole = self._with_residual(mix, fit_length(stems, mix.shape[-1]))
        return whole[:, 0] if np.ndim(waveform) == 1 else whole

    def _with_residual(
        self, mix: NDArray[np.float32], stems: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        left_over = _energy(mix - stems.sum(axis=0))
        if left_over > _energy(mix):
            raise DataError(
                f"the stems in {self.folder} do not belong to this audio: what they leave of it "
                f"is louder than the track itself. Are they of another recording or level?"
            )
        if left_over > _energy(mix) * 10 ** (RESIDUAL_DB / 10):
            return stems_that_sum(mix, stems)
        whole = stems_that_sum(mix, stems[:-1])
        return np.concatenate([whole, np.zeros_like(whole[:1])])

    def _read(self) -> tuple[list[NDArray[np.float32]], int]:
        paths = list(self._files.values())
        if paths[0].name.endswith(_STEM_FILE):
            return _read_stem_file(paths[0], list(self._files))
        read = [read_audio(path) for path in paths]
        rates = {rate for _, rate in read}
        lengths = [stem.shape[1] for stem, _ in read]
        if len(rates) > 1 or max(lengths) - min(lengths) > _SLACK_S * min(rates):
            found = ", ".join(
                f"{path.name} {stem.shape[1] / rate:.2f} s at {rate} Hz"
                for path, (stem, rate) in zip(paths, read, strict=True)
            )
            raise DataError(f"the stems in {self.folder} must be of one rate and length: {found}")
        return [fit_length(stem, max(lengths)) for stem, _ in read], rates.pop()


def _stem_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: put stems there, one WAV or FLAC file each")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        stem = path.stem.lower()
        hidden = path.name.startswith(".")
        if path.suffix.lower() not in _SUFFIXES or stem in _NOT_STEMS or hidden:
            continue
        if stem in files:
            raise DataError(f"{folder} holds {files[stem].name} and {path.name}: keep one of them")
        files[stem] = path
    if not files:
        raise DataError(f"{folder} holds no stems: put them there, one WAV or FLAC file each")
    return {stem: files[stem] for stem in _ordered(tuple(files))}


def _ordered(names: tuple[str, ...]) -> list[str]:
    """Order stems as the other separators do: vocals first, the rest of the mix last."""
    stems = sorted(name for name in names if name not in _NOT_STEMS)
    first = [name for name in _FIRST if name in stems]
    last = [name for name in _LAST if name in stems]
    return first + [name for name in stems if name not in _FIRST + _LAST] + last


def _as_channels_of(mix: NDArray[np.float32], stem: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a stem with the mix's number of channels."""
    if len(stem) == len(mix):
        return stem
    mono = stem.mean(axis=0, keepdims=True, dtype=np.float32)
    return np.repeat(mono, len(mix), axis=0)


def _energy(waveform: NDArray[np.float32]) -> float:
    return float(np.square(waveform, dtype=np.float64).sum())


def _read_stem_file(path: Path, names: list[str]) -> tuple[list[NDArray[np.float32]], int]:
    """Decode the audio streams of a `.stem.mp4` file that carry the named stems."""
    if (count := count_streams(path)) != (expected := len(_STEM_FILE_STREAMS)):
        raise DataError(f"{path} must hold {expected} audio streams, got {count}")
    streams = [read_audio(path, stream=_STEM_FILE_STREAMS.index(name)) for name in names]
    longest = max(stream.shape[1] for stream, _ in streams)
    return [fit_length(stream, longest) for stream, _ in streams], streams[0][1]
