"""Read and write a track's audio: an array of 16-bit samples, or of floats from elsewhere."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lemons_arrays import NO_ARRAY, array_header
from lemons_audio import audio_checksum, to_int16
from lemons_utils import DataError, ParameterError, first_line, write_beside

_HEADER_BYTES = 128  # of NumPy's file of a vector
_LOUDEST_FLOAT = 4.0  # decoded music overshoots 1 a little, 16-bit numbers kept as floats by far


def save_audio(folder: Path, audio: NDArray[np.int16]) -> str:
    """Store the audio of a track in a catalogue, if it is not there, and return its id.

    Parameters
    ----------
    folder : Path
        Folder of the catalogue.
    audio : ndarray [shape=(samples,)], int16, 16 kHz mono

    Returns
    -------
    track_id : str
        The checksum of the audio.
    """
    if audio.dtype != np.int16 or audio.ndim != 1 or not audio.size:
        raise ParameterError(
            f"audio must be int16 of shape (samples,), got {audio.dtype} of shape {audio.shape}"
        )
    track_id = audio_checksum(audio)
    path = folder / "audio" / f"{track_id}.npy"
    if not is_stored(path, audio.size):
        write_array(path, audio)
    return track_id


def write_array(path: Path, audio: NDArray[np.int16]) -> None:
    """Write audio as an array of little-endian 16-bit integers, atomically."""
    with write_beside(path) as temporary:
        np.save(temporary, audio.astype("<i2", copy=False), allow_pickle=False)


def is_stored(path: Path, samples: int) -> bool:
    """Return whether a file has the size of that many samples written by `save_audio`."""
    try:
        return path.stat().st_size == _HEADER_BYTES + 2 * samples
    except FileNotFoundError:
        return False


def read_array(path: Path) -> NDArray[np.int16]:
    """Return mono audio from an array of 16-bit integers, or of floats in [-1, 1].

    Where the name has the form of a checksum, as `save_audio` gives it, the samples are checked
    against it, once in a process as long as the file does not change.

    Returns
    -------
    ndarray [shape=(samples,)], int16

    Raises
    ------
    DataError
        If the file is damaged or holds anything else.
    """
    audio = _read(path)
    if is_checksum(path.stem):
        status = path.stat()
        if _checksum(path, status.st_mtime_ns, status.st_size) != path.stem:
            raise DataError(
                f"{path} holds other samples than those whose checksum is its name; "
                "`python -m recsys.verify --repair` makes what it can again"
            )
    return audio


def is_checksum(name: str) -> bool:
    """Return whether a track's id has the form of its audio's checksum."""
    return re.fullmatch(r"[0-9a-f]{20}", name) is not None


@functools.lru_cache(maxsize=1 << 16)
def _checksum(path: Path, modified_ns: int, size: int) -> str:
    """Compute the checksum of a file's audio, again if its size or time of change differs."""
    return audio_checksum(_read(path))


def _read(path: Path) -> NDArray[np.int16]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except NO_ARRAY as error:
        raise DataError(f"{path} is no array of audio: {first_line(error)}") from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or not array.size:
        shape = getattr(array, "shape", "an archive")
        raise DataError(f"{path} must hold mono audio of shape (samples,), got {shape}")
    if array.dtype == np.int16:
        return array
    if array.dtype.kind == "i" and array.dtype.itemsize == 2:
        return array.astype(np.int16)
    if array.dtype.kind != "f":
        raise DataError(f"{path} must hold int16, or floats in [-1, 1], got {array.dtype}")
    if not np.abs(array).max() <= _LOUDEST_FLOAT:
        raise DataError(f"{path} must hold floats in [-1, 1], got larger ones or NaN")
    return to_int16(array)


def array_length(path: Path) -> int:
    """Return the number of samples in an array's header; 0 if it is no array of audio."""
    try:
        with path.open("rb") as file:
            shape, _ = array_header(file)
    except NO_ARRAY:
        return 0
    return int(shape[0]) if len(shape) == 1 else 0
