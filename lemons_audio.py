"""Audio files and arrays: decoding, resampling, writing, the checksum that names a recording.

The libraries that decode and resample load when a function needs them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lemons_decoding import Blocks, decoded_blocks, opened_by_ffmpeg, opened_by_libsndfile
from lemons_limits import LONGEST_TRACK_S, MOST_SAMPLES, MOST_SAMPLES_IN_MEMORY
from lemons_utils import SAMPLE_RATE, DataError, ParameterError, write_beside

_BLOCK_SAMPLES = 1 << 18


def audio_checksum(audio: NDArray[np.int16]) -> str:
    """Name a recording by its sound: the `track_id` of 16 kHz mono audio.

    Parameters
    ----------
    audio : ndarray [shape=(samples,)], int16

    Returns
    -------
    str of 20 hexadecimal digits, the same for the same samples on every machine
    """
    return hashlib.sha256(np.ascontiguousarray(audio, dtype="<i2").data).hexdigest()[:20]


def to_int16(waveform: NDArray[np.floating]) -> NDArray[np.int16]:
    """Round a waveform in [-1, 1] to 16 bits; what lies outside is clipped.

    Raises
    ------
    ParameterError
        If the waveform holds NaN, which is no sound at all.
    """
    scaled = np.rint(np.asarray(waveform) * np.float32(32768.0))  # exact: a power of two
    if np.isnan(scaled).any():
        raise ParameterError("waveform must hold numbers, got NaN: look at where it comes from")
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def to_float32(audio: NDArray[np.int16]) -> NDArray[np.float32]:
    """Map 16-bit samples to [-1, 1): division by 32768, exact in float32."""
    return audio.astype(np.float32) / np.float32(32768.0)


def sigmoid(logits: ArrayLike) -> NDArray[np.float64]:
    """Map logits to relevances in [0, 1], 1 / (1 + exp(-logit)), an array of the same shape."""
    with np.errstate(over="ignore"):  # 1 / infinity is the 0 that it should be
        return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(logits, np.float64))))


def read_audio(
    path: Path, *, start_s: float = 0.0, duration_s: float | None = None, stream: int = 0
) -> tuple[NDArray[np.float32], int]:
    """Decode an audio file, or a part of it, with the channels and the sample rate that it has.

    wav, flac, ogg, opus and mp3 are read by libsndfile; m4a, aac, wma, mp4 and other audio and
    video files by FFmpeg, through PyAV. NaN that a file holds comes back as it is.

    Parameters
    ----------
    path : Path
    start_s : float >= 0 [s]
        What lies before is skipped without decoding it. Past the end nothing is left.
    duration_s : float > 0 [s], or None for everything that follows
    stream : int >= 0
        Which of several audio streams; only FFmpeg's files have more than one.

    Returns
    -------
    waveform : ndarray [shape=(channels, samples)], float32
    sample_rate : int [Hz]

    Raises
    ------
    ParameterError
        If the start or the duration is out of range.
    DataError
        If the file is missing, damaged, neither library can decode it, or it exceeds a limit of
        `lemons_limits`.
    """
    limit = {"most_samples": MOST_SAMPLES_IN_MEMORY}
    pieces = list(decoded_blocks(path, start_s, duration_s, stream, **limit))
    return np.concatenate([block for block, _ in pieces], axis=1), pieces[0][1]


def audio_blocks(
    path: Path, *, start_s: float = 0.0, duration_s: float | None = None, stream: int = 0
) -> Blocks:
    """Decode as `read_audio` does, piece by piece, so that hours of audio fit into memory.

    Yields
    ------
    block : ndarray [shape=(channels, samples)], float32
        The first may be empty, and there always is a first.
    sample_rate : int [Hz], the same for all blocks
    """
    return decoded_blocks(path, start_s, duration_s, stream, most_samples=MOST_SAMPLES)


def catalogue_blocks(
    path: Path, *, start_s: float = 0.0, duration_s: float | None = None, stream: int = 0
) -> Iterator[NDArray[np.float32]]:
    """Yield what `to_catalogue_audio(*read_audio(...))` returns, piece by piece.

    Yields
    ------
    ndarray [shape=(samples,)], float32
        Mono at 16 kHz, `LONGEST_TRACK_S` at most.

    Raises
    ------
    DataError
        As `read_audio` does, and if the file holds NaN or infinite samples.
    """
    import soxr

    resampler = None
    for block, sample_rate in decoded_blocks(
        path, start_s, duration_s, stream, most_samples=MOST_SAMPLES, longest_s=LONGEST_TRACK_S
    ):
        if not np.isfinite(block).all():
            raise DataError(f"{path} holds NaN or infinite samples: write it anew")
        mono: NDArray[np.float32] = block.mean(axis=0, dtype=np.float32)
        if sample_rate != SAMPLE_RATE:
            resampler = resampler or soxr.ResampleStream(
                sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ"
            )
            mono = resampler.resample_chunk(mono)
        yield mono
    if resampler is not None:
        yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def audio_length_s(path: Path) -> float:
    """Duration that the header of an audio file states [s]; 0 where it states none.

    Decodes nothing, so a truncated file is shorter than this, and raw AAC is an estimate.

    Raises
    ------
    DataError
        If the file is missing or cannot be opened as audio.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file: name an audio file")
    if file := opened_by_libsndfile(path):
        with file:
            return int(file.frames) / int(file.samplerate)
    with opened_by_ffmpeg(path) as container:
        return float((container.duration or 0) / 1e6)


def count_streams(path: Path) -> int:
    """Count the audio streams of a file of FFmpeg's.

    Raises
    ------
    DataError
        If the file cannot be opened, or holds no audio.
    """
    with opened_by_ffmpeg(path) as container:
        return len(container.streams.audio)


def to_catalogue_audio(waveform: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Mix [channels, samples] to mono by the mean and resample to 16 kHz: [samples at 16 kHz]."""
    import soxr

    mono: NDArray[np.float32] = waveform.mean(axis=0, dtype=np.float32)
    if sample_rate == SAMPLE_RATE:
        return mono
    resampled = soxr.resample(mono, sample_rate, SAMPLE_RATE, quality="HQ")
    return np.asarray(resampled, dtype=np.float32)


def write_audio(path: Path, waveform: NDArray[np.floating], *, sample_rate: int) -> None:
    """Write mono or multichannel audio; the suffix says the format (flac, wav, ogg, opus, mp3).

    FLAC and WAV are written with 24 bits, exact for 16-bit audio; the others as libsndfile does
    by default.

    Parameters
    ----------
    path : Path
    waveform : ndarray [shape=(samples,) or (channels, samples)] in [-1, 1]
    sample_rate : int > 0 [Hz]

    Raises
    ------
    ParameterError
        If the suffix names no format, or the waveform holds NaN.
    """
    import soundfile

    known = {".flac": "PCM_24", ".wav": "PCM_24", ".ogg": "VORBIS", ".opus": "OPUS", ".mp3": None}
    suffix = path.suffix.lower()
    if suffix not in known:
        raise ParameterError(f"audio must be one of {', '.join(known)}, got {path.name!r}")
    frames = np.atleast_2d(np.asarray(waveform)).T
    if not np.isfinite(frames).all():
        raise ParameterError(f"waveform must hold numbers, got NaN or infinity for {path.name}")
    container = {".opus": "OGG"}.get(suffix, suffix[1:].upper())
    with (
        write_beside(path) as temporary,
        soundfile.SoundFile(
            str(temporary), "w", sample_rate, frames.shape[1], known[suffix], format=container
        ) as file,
    ):
        step = _BLOCK_SAMPLES // 8  # libsndfile's Vorbis kills the process over minutes at once
        for start in range(0, len(frames), step):
            block = frames[start : start + step]
            file.write(_to_24_bits(block) if known[suffix] == "PCM_24" else block)


def write_mix(path: Path, waveform: NDArray[np.float32], *, sample_rate: int) -> None:
    """Write audio as `write_audio` does; a waveform beyond full scale is scaled down as a whole.

    Stems that cancel each other can give such a mix, and a format with a ceiling would clip it.
    """
    peak = float(np.abs(waveform).max(initial=0.0))
    write_audio(path, waveform / peak if peak > 1 else waveform, sample_rate=sample_rate)


def _to_24_bits(waveform: NDArray[np.floating]) -> NDArray[np.int32]:
    """Round to 24 bits, in the upper bits of 32: libsndfile would round down in WAV."""
    scaled = np.rint(waveform.astype(np.float64) * 2.0**23)
    return np.clip(scaled, -(2**23), 2**23 - 1).astype(np.int32) << 8
