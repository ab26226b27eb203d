"""Audio files that are small and would cost much, or open what they should not."""

import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

import lemons_audio
from lemons_audio import (
    audio_blocks,
    audio_length_s,
    catalogue_blocks,
    count_streams,
    read_audio,
    to_catalogue_audio,
)
from lemons_limits import LONGEST_TRACK_S, MOST_CHANNELS
from lemons_utils import DataError


def with_rate(path: Path, rate: int, *, seconds: int = 1) -> Path:
    """Write a WAV of 16-bit silence with any sample rate in its header."""
    soundfile.write(path, np.zeros(seconds * rate, np.int16), 1000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    content[28:32] = (2 * rate).to_bytes(4, "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("rate", [1, 999, 768_001, 4_000_000])
def test_sample_rates_that_no_music_has_are_refused(tmp_path, rate):
    path = with_rate(tmp_path / "a.wav", rate)
    for decode in (read_audio, lambda path: list(catalogue_blocks(path))):
        with pytest.raises(DataError, match=rf"a\.wav has a sample rate of {rate:,} Hz: convert"):
            decode(path)


@pytest.mark.parametrize("rate", [1000, 768_000])
def test_the_lowest_and_the_highest_sample_rate_are_decoded(tmp_path, rate):
    path = with_rate(tmp_path / "a.wav", rate)
    assert sum(len(block) for block in catalogue_blocks(path)) == 16_000


def test_files_with_too_many_channels_are_refused(tmp_path):
    soundfile.write(tmp_path / "many.wav", np.zeros((100, MOST_CHANNELS + 1)), 44_100)
    with pytest.raises(DataError, match=r"many\.wav has 65 channels: mix it to 64"):
        read_audio(tmp_path / "many.wav")
    soundfile.write(tmp_path / "as many.wav", np.zeros((44_100, MOST_CHANNELS)), 44_100)
    blocks = [block for block, _ in audio_blocks(tmp_path / "as many.wav")]
    assert max(block.size for block in blocks) <= 1 << 19
    assert sum(block.shape[1] for block in blocks) == 44_100


@pytest.mark.parametrize("suffix", ["flac", "m4a"])
def test_what_is_too_long_for_memory_is_refused_before_it_is_decoded(
    tmp_path, write_media, monkeypatch, suffix
):
    path = tmp_path / f"long.{suffix}"
    write_media(path, np.zeros((2, 20 * 44_100), np.float32), 44_100)
    monkeypatch.setattr(lemons_audio, "MOST_SAMPLES_IN_MEMORY", 10 * 2 * 44_100)
    monkeypatch.setattr(lemons_audio, "MOST_SAMPLES", 15 * 2 * 44_100)
    monkeypatch.setattr(lemons_audio, "LONGEST_TRACK_S", 12.0)
    too_long = rf"long\.{suffix} has more than 0 minutes.*take an excerpt"
    with pytest.raises(DataError, match=too_long):
        read_audio(path)
    with pytest.raises(DataError, match=too_long):
        list(catalogue_blocks(path))
    with pytest.raises(DataError, match=too_long):
        next(block for block, _ in audio_blocks(path) if block.size)
    assert read_audio(path, start_s=2, duration_s=9)[0].shape == (2, 9 * 44_100)
    assert sum(map(len, catalogue_blocks(path, duration_s=11))) == 11 * 16_000


def test_a_header_that_states_too_little_does_not_help(tmp_path, monkeypatch):
    samples = np.random.default_rng(0).integers(-3000, 3000, 441_000).astype(np.int16)
    soundfile.write(tmp_path / "a.flac", samples, 44_100)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)  # the length in STREAMINFO: unknown, as in a stream
    (tmp_path / "a.flac").write_bytes(content)
    assert audio_length_s(tmp_path / "a.flac") == 0
    waveform, _ = read_audio(tmp_path / "a.flac")
    np.testing.assert_array_equal(np.rint(waveform[0] * 32768), samples)
    monkeypatch.setattr(lemons_audio, "MOST_SAMPLES_IN_MEMORY", 200_000)
    with pytest.raises(DataError, match="take an excerpt"):
        read_audio(tmp_path / "a.flac")


def test_files_of_a_few_megabytes_take_no_memory(tmp_path):
    path = tmp_path / "silence.flac"
    hours, block = 3, np.zeros((10 * 96_000, 8), np.int16)
    with soundfile.SoundFile(path, "w", 96_000, 8, "PCM_16") as file:
        for _ in range(4):
            file.write(block)
    content = bytearray(path.read_bytes())
    frames = hours * 3600 * 96_000
    content[21] = content[21] & 0xF0 | frames >> 32
    content[22:26] = (frames & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(content)
    # 6 MB of packets of one byte each, of no channel: FFmpeg keeps those that it has looked at.
    packets = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 6, 0, 7, 7, 1, 32, b"data", 6_000_000)
    (tmp_path / "packets.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + packets + bytes(6_000_000))
    script = (
        "import sys, resource; from pathlib import Path\n"
        "from recsys.ingest import Excerpt, decode\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "for path, seconds in ((sys.argv[1], None), (sys.argv[1], 20), (sys.argv[2], 20)):\n"
        "    try: decode(Path(path), Excerpt(seconds, 'start'))\n"
        "    except Exception as error: print(error)\n"
    )
    command = [sys.executable, "-c", script, path, tmp_path / "packets.wav"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "93 minutes, the most that is read of 8 channels at 96,000 Hz" in done.stdout
    assert "is silent" in done.stdout
    assert "packets.wav cannot be decoded as audio: Invalid argument" in done.stdout


def test_a_list_of_files_is_no_audio(tmp_path):
    soundfile.write(tmp_path / "secret.wav", np.ones(16_000) * 0.5, 16_000)
    lists = {
        "list.wma": "ffconcat version 1.0\nfile secret.wav\n",
        "itself.wma": "ffconcat version 1.0\nfile itself.wma\n",
        "list.m4a": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n",
    }
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name, content in lists.items():
        (tmp_path / name).write_text(content)
        for decode in (read_audio, audio_length_s, count_streams):
            with pytest.raises(DataError, match=rf"{name} cannot be decoded as audio"):
                decode(tmp_path / name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_tags_that_are_no_utf_8_do_not_matter(tmp_path, write_media):
    path = tmp_path / "a.m4a"
    write_media(path, np.zeros((1, 44_100), np.float32), 44_100, title="caf?")
    path.write_bytes(path.read_bytes().replace(b"caf?", b"caf\xe9"))
    assert read_audio(path)[1] == 44_100


def test_each_of_several_streams_is_decoded(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        streams = [container.add_stream("aac", rate=44_100, layout="mono") for _ in range(2)]
        for number, stream in enumerate(streams):
            tone = 0.2 * (number + 1) * np.sin(np.arange(44_100) * 0.1)
            for start in range(0, 43_000, 1024):
                block = tone[None, start : start + 1024].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 44_100, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    assert count_streams(tmp_path / "a.mp4") == 2
    loudness = [read_audio(tmp_path / "a.mp4", stream=n)[0].std() for n in range(2)]
    assert loudness[1] == pytest.approx(2 * loudness[0], rel=0.05)


def test_blocks_of_a_catalogue_are_what_the_whole_is_and_hold_numbers(tmp_path, rng):
    path = tmp_path / "a.wav"
    soundfile.write(path, rng.uniform(-1, 1, (700_000, 2)), 44_100, subtype="PCM_24")
    whole = to_catalogue_audio(*read_audio(path))
    np.testing.assert_array_equal(np.concatenate(list(catalogue_blocks(path))), whole)
    soundfile.write(path, np.array([0.0, np.nan, 0.5]), 44_100, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a\.wav holds NaN"):
        list(catalogue_blocks(path))


def test_the_limits_hold_an_hour_of_music():
    assert LONGEST_TRACK_S >= 3600
    assert lemons_audio.MOST_SAMPLES_IN_MEMORY >= 45 * 60 * 2 * 44_100
