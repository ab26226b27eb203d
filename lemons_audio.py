"""Audio files and arrays: decoding, resampling, writing, the checksum that names a recording.

The libraries that decode and resample load when a function needs them.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lemons_utils import SAMPLE_RATE, DataError, ParameterError, write_beside

_BLOCK_SAMPLES = 1 << 18
_LEAD_IN_S = 0.5


def audio_checksum(audio: NDArray[np.int16]) -> str:
    """Name a recording by its sound: the `track_id` of 16 kHz mono audio.

    Parameters
    ----------
    audio : ndarray [shape=(samples,)], int16

    Returns
    -------
    str of 20 hexadecimal digits, the same for the same samples on every machine
    """
    return hashlib.sha256(np.ascontiguousarray(audio, dtype="<i2").tobytes()).hexdigest()[:20]


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
    path: Path, *, start_s: float = 0.0, duration_s: float | None = None
) -> tuple[NDArray[np.float32], int]:
    """Decode an audio file, or a part of it.

    wav, flac, ogg, opus and mp3 are read by libsndfile; m4a, aac, wma, mp4 and whatever else
    FFmpeg knows by PyAV, the first audio stream. NaN that a file holds comes back as it is.

    Parameters
    ----------
    path : Path
    start_s : float >= 0 [s]
        What lies before is skipped without decoding it. Past the end nothing is left.
    duration_s : float > 0 [s], or None for everything that follows

    Returns
    -------
    waveform : ndarray [shape=(channels, samples)], float32
    sample_rate : int [Hz]

    Raises
    ------
    ParameterError
        If the start or the duration is out of range.
    DataError
        If the file is missing, damaged, or neither library can decode it.
    """
    pieces = list(audio_blocks(path, start_s=start_s, duration_s=duration_s))
    return np.concatenate([block for block, _ in pieces], axis=1), pieces[0][1]


def audio_blocks(
    path: Path, *, start_s: float = 0.0, duration_s: float | None = None
) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Decode as `read_audio` does, piece by piece, so that hours of audio fit into memory.

    Yields
    ------
    block : ndarray [shape=(channels, samples)], float32
        The first may be empty, and there always is a first.
    sample_rate : int [Hz], the same for all blocks
    """
    import soundfile

    if not 0 <= start_s < np.inf:
        raise ParameterError(f"start_s must be 0 or more seconds, got {start_s}")
    if duration_s is not None and not 0 < duration_s < np.inf:
        raise ParameterError(f"duration_s must be more than 0 seconds, got {duration_s}")
    if not path.is_file():
        raise DataError(f"{path} is not a file: name an audio file")
    try:
        file = soundfile.SoundFile(os.fsencode(path))
    except (soundfile.LibsndfileError, TypeError):  # TypeError: .raw, which has no header
        yield from _decode_with_ffmpeg(path, start_s, duration_s)
    else:
        with file:
            yield from _decode_with_libsndfile(path, file, start_s, duration_s)


def audio_length_s(path: Path) -> float:
    """Duration that the header of an audio file states [s]; 0 where it states none.

    Decodes nothing, so a truncated file is shorter than this, and raw AAC is an estimate.

    Raises
    ------
    DataError
        If the file is missing or cannot be opened as audio.
    """
    import soundfile

    if not path.is_file():
        raise DataError(f"{path} is not a file: name an audio file")
    try:
        header = soundfile.info(os.fsencode(path))
        return float(header.frames / header.samplerate)
    except (soundfile.LibsndfileError, TypeError):
        with _opened_by_ffmpeg(path) as container:
            return float((container.duration or 0) / 1e6)


def _decode_with_libsndfile(
    path: Path, file: Any, start_s: float, duration_s: float | None
) -> Iterator[tuple[NDArray[np.float32], int]]:
    import soundfile

    rate = int(file.samplerate)
    yield np.empty((file.channels, 0), np.float32), rate
    left = None if duration_s is None else round(duration_s * rate)
    position = min(round(start_s * rate), file.frames)
    try:
        while left is None or left > 0:
            wanted = _BLOCK_SAMPLES if left is None else min(_BLOCK_SAMPLES, left)
            # MP3 frames lean on those before, and soundfile seeks after each read, which makes
            # the decoder forget them: begin early and drop what it plays while it warms up.
            lead_in = min(position, round(_LEAD_IN_S * rate)) if file.format == "MP3" else 0
            if lead_in or position != file.tell():
                file.seek(position - lead_in)
            block = file.read(lead_in + wanted, dtype="float32", always_2d=True)[lead_in:]
            if not len(block):
                return
            yield np.ascontiguousarray(block.T), rate
            position += len(block)
            left = None if left is None else left - len(block)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{path} is damaged after {position / rate:.1f} s: {error}") from error


def _decode_with_ffmpeg(
    path: Path, start_s: float, duration_s: float | None
) -> Iterator[tuple[NDArray[np.float32], int]]:
    import av

    with _opened_by_ffmpeg(path) as container:
        position, rate, frames = _frames_from(container, start_s)
        resampler = av.AudioResampler(format="fltp", rate=rate)
        begin = round(start_s * rate)
        end = None if duration_s is None else begin + round(duration_s * rate)
        for frame in frames:
            for block in resampler.resample(frame):
                samples = block.to_ndarray().astype(np.float32, copy=False)
                last = None if end is None else max(end - position, 0)
                yield samples[:, max(begin - position, 0) : last], rate
                position += samples.shape[1]
            if end is not None and position >= end:
                return


@contextlib.contextmanager
def _opened_by_ffmpeg(path: Path) -> Iterator[Any]:
    """Open a file that has an audio stream; raise FFmpeg's errors as `DataError`."""
    import av

    try:
        with av.open(path) as container:
            if not container.streams.audio:
                raise DataError(f"{path} holds no audio")
            yield container
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be decoded as audio: {reason}") from error


def _frames_from(container: Any, start_s: float) -> tuple[int, int, Iterator[Any]]:
    """Seek to shortly before `start_s`; return the first frame's position, the rate, all frames.

    Codecs overlap their frames, so decoding has to begin a little early to be right at the start.
    """
    stream = container.streams.audio[0]
    frames = container.decode(stream)
    head = next(frames, None)
    if head is None:
        raise DataError(f"{container.name} holds no audio")
    rate = int(head.sample_rate)  # what the header says can be half of it (HE-AAC)
    if start_s <= 2 * _LEAD_IN_S or head.pts is None:
        return 0, rate, itertools.chain([head], frames)

    ticks = round((start_s - _LEAD_IN_S) / stream.time_base)
    container.seek(head.pts + ticks, stream=stream)
    frames = container.decode(stream)
    found = next(frames, None)
    if found is not None and found.pts is not None:
        position = round((found.pts - head.pts) * stream.time_base * rate)
        on_grid = round(position / head.samples) * head.samples
        if abs(on_grid - position) <= stream.time_base * rate:
            position = on_grid  # clocks as coarse as milliseconds: codecs count in whole frames
        if 0 <= position <= round(start_s * rate):
            return position, rate, itertools.chain([found], frames)
    container.seek(0)  # no index to go by: from the beginning
    return 0, rate, container.decode(stream)


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
