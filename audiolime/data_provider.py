"""From what people have (a file, an array, a provider) to the mono waveform that is explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lemons_audio import read_audio, to_float32
from lemons_utils import DataError, ParameterError

Waveform = NDArray[np.float32]


def load_audio(audio_path: str | Path, target_sr: int) -> Waveform:
    """Decode a file, mix its channels down and resample it.

    Parameters
    ----------
    audio_path : str or Path
    target_sr : int > 0 [Hz]

    Returns
    -------
    ndarray [shape=(samples,)], float32

    Raises
    ------
    DataError
        If the file is missing, holds no samples or cannot be decoded.
    """
    import soxr

    if target_sr < 1:
        raise ParameterError(f"target_sr must be a sample rate in Hz, got {target_sr!r}")
    channels, sample_rate = read_audio(Path(audio_path))
    if channels.shape[1] == 0:
        raise DataError(f"{audio_path} holds no audio")
    mono: Waveform = channels.mean(axis=0, dtype=np.float32)
    if sample_rate != target_sr:
        mono = np.asarray(soxr.resample(mono, sample_rate, target_sr, quality="HQ"), np.float32)
    return mono


def as_waveform(audio: Any, *, name: str = "waveform") -> Waveform:
    """Check one channel of audio and give it as float32.

    Parameters
    ----------
    audio : array-like or CPU tensor [shape=(samples,) or (1, samples)]
        Floating point as it is; int16 is divided by 32768.
    name : str
        What to call it in an error.

    Returns
    -------
    ndarray [shape=(samples,)], float32; a view of `audio` where it already is float32

    Raises
    ------
    ParameterError
        If there is more than one channel, no sample, or a value that is no number.
    """
    array = np.asarray(audio)
    if array.ndim == 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 1:
        raise ParameterError(
            f"{name} must be one channel [samples], got shape {array.shape}: "
            "mix it down first, for instance by waveform.mean(axis=0)"
        )
    if array.size == 0:
        raise ParameterError(f"{name} must have at least one sample, got none")
    if array.dtype == np.int16:
        return to_float32(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise ParameterError(f"{name} must be floating point or int16, got {array.dtype}")
    waveform = array.astype(np.float32, copy=False)
    if not np.isfinite(waveform).all():
        bad = int(np.size(waveform) - np.isfinite(waveform).sum())
        raise ParameterError(
            f"{name} must hold finite numbers, got {bad:,} of {array.size:,} samples NaN or "
            "infinite: repair the recording first, for instance by np.nan_to_num"
        )
    return waveform


class DataProvider:
    """The audio of a file, and a window into it; a subclass says how the file is read.

    Parameters
    ----------
    audio_path : str or Path
    """

    def __init__(self, audio_path: str | Path) -> None:
        self._audio_path = str(audio_path)
        self._original_mix = self.initialize_mix()
        self._mix = self._original_mix

    def initialize_mix(self) -> Any:
        """Read the waveform of `_audio_path` [shape=(samples,)]."""
        raise NotImplementedError(f"{type(self).__name__} must override initialize_mix")

    def get_mix(self) -> Any:
        """Return the waveform inside the window [shape=(samples,)]."""
        return self._mix

    def get_audio_path(self) -> str:
        """Return the path as it was given."""
        return self._audio_path

    def set_analysis_window(self, start_sample: int, y_length: int) -> None:
        """Look at `y_length` samples from `start_sample` on.

        A factorization reads the window when it is made.
        """
        self._mix = cut_window(self._original_mix, start_sample, y_length)


class RawAudioProvider(DataProvider):
    """An audio file, mixed down and resampled, and a window into it.

    Parameters
    ----------
    audio_path : str or Path
    target_sr : int > 0 [Hz]
    """

    def __init__(self, audio_path: str | Path, target_sr: int = 16_000) -> None:
        self.target_sr = target_sr
        super().__init__(audio_path)

    def initialize_mix(self) -> Waveform:
        """Decode the file."""
        return as_waveform(load_audio(self._audio_path, self.target_sr), name=self._audio_path)


def cut_window(waveform: Waveform, start_sample: int, y_length: int) -> Waveform:
    """Cut `y_length` samples out of a waveform, fewer at its end.

    Raises
    ------
    ParameterError
        If nothing of the window lies inside the waveform.
    """
    cut = waveform[start_sample : start_sample + y_length]
    if start_sample < 0 or len(cut) == 0:
        raise ParameterError(
            f"the window must lie inside the {len(waveform):,} samples, "
            f"got {y_length:,} from {start_sample:,} on"
        )
    return cut


def audio_of(source: Any, target_sr: int) -> tuple[Waveform, str | None]:
    """Read the waveform out of a path, a provider or an array, and its path if it has one."""
    if isinstance(source, (str, Path)):
        return as_waveform(load_audio(source, target_sr), name=str(source)), str(source)
    if hasattr(source, "get_mix"):
        path = source.get_audio_path() if hasattr(source, "get_audio_path") else None
        return as_waveform(source.get_mix()), path
    return as_waveform(source, name="input"), None
