"""Decode audio files piece by piece, within the limits of `lemons_limits`.

libsndfile reads what it knows, FFmpeg the rest. Both load when a function needs them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lemons_limits import MOST_CHANNELS, SAMPLE_RATES
from lemons_places import install
from lemons_utils import DataError, ParameterError

_BLOCK_SAMPLES = 1 << 18
_LEAD_IN_S = 0.5
_FRAME = 4096  # samples that FLAC encodes at a time
_UNKNOWN = 2**63 - 1  # libsndfile's number of frames where a header states none

_PROBED_BYTES = 1 << 19  # read to find out what streams hold; a byte can be a packet of 500 bytes
_DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,iff,matroska,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,ogg,oma,rm,tak,tta,truehd,voc,w64,wav,webm,wv,xwma"
)
"""FFmpeg's readers of files that hold audio themselves; others open what a text file names."""

Blocks = Iterator[tuple[NDArray[np.float32], int]]
"""Pieces of audio, float32 [channels, samples], each with its sample rate [Hz]."""


def decoded_blocks(
    path: Path,
    start_s: float,
    duration_s: float | None,
    stream: int,
    *,
    most_samples: int,
    longest_s: float = np.inf,
) -> Blocks:
    """Decode as `lemons_audio.read_audio` says, piece by piece; the first piece may be empty.

    Raises
    ------
    DataError
        If there are more than `most_samples`, over all channels, or more than `longest_s` [s].
    """
    if not 0 <= start_s < np.inf:
        raise ParameterError(f"start_s must be 0 or more seconds, got {start_s}")
    if duration_s is not None and not 0 < duration_s < np.inf:
        raise ParameterError(f"duration_s must be more than 0 seconds, got {duration_s}")
    if not path.is_file():
        raise DataError(f"{path} is not a file: name an audio file")
    limit = _Limit(path, most_samples, longest_s)
    if file := opened_by_libsndfile(path):
        with file:
            yield from _decode_with_libsndfile(path, file, start_s, duration_s, limit)
    else:
        yield from _decode_with_ffmpeg(path, start_s, duration_s, stream, limit)


@dataclass(frozen=True)
class _Limit:
    """The most that is decoded of a file."""

    path: Path
    samples: int  # over all channels
    seconds: float

    def check(self, frames: float, channels: int, sample_rate: int) -> None:
        """Raise `DataError` if so many frames (a sample of each channel) are too many."""
        lowest, highest = SAMPLE_RATES
        if not lowest <= sample_rate <= highest:
            raise DataError(
                f"{self.path} has a sample rate of {sample_rate:,} Hz: convert it to one from "
                f"{lowest:,} to {highest:,} Hz"
            )
        if channels > MOST_CHANNELS:
            raise DataError(
                f"{self.path} has {channels} channels: mix it to {MOST_CHANNELS} or fewer"
            )
        most_s = min(self.samples / channels / sample_rate, self.seconds)
        if frames > most_s * sample_rate:
            raise DataError(
                f"{self.path} has more than {most_s / 60:,.0f} minutes, the most that is read of "
                f"{channels} channels at {sample_rate:,} Hz: take an excerpt of it"
            )


def opened_by_libsndfile(path: Path) -> Any:
    """Open a file as a `soundfile.SoundFile`; return None if it is one for FFmpeg."""
    import soundfile

    try:
        file = soundfile.SoundFile(os.fsencode(path))
    except (soundfile.LibsndfileError, TypeError):  # TypeError: .raw, which has no header
        return None
    if file.frames != _UNKNOWN:
        return file
    file.close()  # soundfile cannot find the end
    return None


def _decode_with_libsndfile(
    path: Path, file: Any, start_s: float, duration_s: float | None, limit: _Limit
) -> Blocks:
    import soundfile

    rate = int(file.samplerate)
    left = None if duration_s is None else round(duration_s * rate)
    begin = position = min(round(start_s * rate), file.frames)
    expected = file.frames - begin
    limit.check(expected if left is None else min(left, expected), file.channels, rate)
    yield np.empty((file.channels, 0), np.float32), rate
    largest = _BLOCK_SAMPLES // max(1, file.channels // 2)
    try:
        if not file.seekable():  # GSM in WAV
            _skip(file, position)
        while left is None or left > 0:
            wanted = largest if left is None else min(largest, left)
            # MP3 frames lean on those before, and soundfile seeks after each read, which makes
            # the decoder forget them: begin early and drop what it plays while it warms up.
            lead_in = min(position, round(_LEAD_IN_S * rate)) if file.format == "MP3" else 0
            if file.seekable() and (lead_in or position != file.tell()):
                file.seek(position - lead_in)
            block = file.read(lead_in + wanted, dtype="float32", always_2d=True)[lead_in:]
            if not len(block):
                return
            position += len(block)
            limit.check(position - begin, file.channels, rate)  # a header may be wrong
            yield np.ascontiguousarray(block.T), rate
            left = None if left is None else left - len(block)
    except soundfile.LibsndfileError as error:
        good = _good_part(path, position, largest if left is None else min(largest, left))
        yield np.ascontiguousarray(good.T), rate
        position += len(good)
        if _goes_on(path, position):
            where = f"{path} is damaged after {position / rate:.1f} s"
            raise DataError(f"{where}: {error}") from error


def _skip(file: Any, frames: int) -> None:
    while frames and (skipped := len(file.read(min(frames, _BLOCK_SAMPLES)))):
        frames -= skipped


def _good_part(path: Path, position: int, frames: int) -> NDArray[np.float32]:
    """Return what can be read of frames that libsndfile cannot read at once: [frames, channels]."""
    import soundfile

    with soundfile.SoundFile(os.fsencode(path)) as file:
        good = [np.empty((0, file.channels), np.float32)]
        with contextlib.suppress(soundfile.LibsndfileError):
            file.seek(position)
            while frames > 0 and len(block := file.read(_FRAME, "float32", always_2d=True)):
                good.append(block[:frames])
                frames -= len(block)
    return np.concatenate(good)


def _goes_on(path: Path, position: int) -> bool:
    """Return whether there is audio past a place that cannot be read: the file is not cut off."""
    import soundfile

    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            file.seek(max(position, file.frames - 2 * _FRAME))
            return len(file.read(_FRAME)) > 0
    except soundfile.LibsndfileError:
        return False


def _decode_with_ffmpeg(
    path: Path, start_s: float, duration_s: float | None, stream: int, limit: _Limit
) -> Blocks:
    with opened_by_ffmpeg(path) as container:
        import av

        position, rate, frames = _frames_from(container, start_s, stream)
        resampler = av.AudioResampler(format="fltp", rate=rate)
        begin = round(start_s * rate)
        expected = (container.duration or 0) / 1e6 * rate - begin
        end = None if duration_s is None else begin + round(duration_s * rate)
        for frame in frames:
            for block in resampler.resample(frame):
                samples = block.to_ndarray().astype(np.float32, copy=False)
                last = None if end is None else max(end - position, 0)
                part = samples[:, max(begin - position, 0) : last]
                position += samples.shape[1]
                decoded = position - begin
                limit.check(max(decoded, 0 if end else expected), len(samples), rate)
                yield part, rate
            if end is not None and position >= end:
                return


@contextlib.contextmanager
def opened_by_ffmpeg(path: Path) -> Iterator[Any]:
    """Open a file that has an audio stream; raise FFmpeg's errors as `DataError`."""
    try:
        import av
    except ModuleNotFoundError as error:
        raise DataError(f"{path} is for FFmpeg to read: {install('separation')}") from error

    try:
        options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
        options["probesize"] = str(_PROBED_BYTES)
        # Before release 19, PyAV refused tags that are no UTF-8 unless told otherwise.
        tags: dict[str, Any] = {}
        if int(av.__version__.split(".")[0]) < 19:
            tags = {"metadata_errors": "replace"}
        with av.open(path, options=options, **tags) as container:
            if not container.streams.audio:
                raise DataError(f"{path} holds no audio")
            yield container
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be decoded as audio: {reason}") from error


def _frames_from(container: Any, start_s: float, index: int) -> tuple[int, int, Iterator[Any]]:
    """Seek to shortly before `start_s`; return the first frame's position, the rate, all frames.

    Codecs overlap their frames, so decoding has to begin a little early to be right at the start.
    """
    stream = container.streams.audio[index]
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
