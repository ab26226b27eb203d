"""Files that people have and nobody expects: audio, and tables of plays; each from a seed."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import av
import numpy as np
import soundfile

from tests.faults.damage import WORDS, damaged, random_edits

_SOUND = (("wav", "PCM_16"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", "MPEG_LAYER_III"))
_RATES = (0, 1, 7, 999, 8_000, 44_100, 192_000, 2**31 - 1)
_VALUES = ("3", "0", "-1", "2.7", "1e400", "9" * 30, "", "three", "NaN", "2020-01-01", "1,5", "٣")


def audio_file(folder: Path, seed: int) -> Path:
    """Write a strange file of audio, or something that only has its name."""
    rng = np.random.default_rng(seed)
    ways = (_header, _sound, _sound, _values, _impostor, _place, _containers)
    return ways[seed % len(ways)](folder, rng, f"{seed}")


def _encoded(waveform: np.ndarray, rate: int, kind: str, subtype: str) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, waveform, rate, format=kind, subtype=subtype)
    return stream.getvalue()


def _sound(folder: Path, rng: np.random.Generator, name: str) -> Path:
    """Damage a file of one of the formats."""
    kind, subtype = _SOUND[rng.integers(len(_SOUND))]
    content = _encoded(rng.uniform(-0.5, 0.5, (66_000, 2)), 44_100, kind, subtype)
    path = folder / f"{name}.{kind}"
    path.write_bytes(damaged(content, random_edits(rng)))
    return path


def _header(folder: Path, rng: np.random.Generator, name: str) -> Path:
    """Write a WAV file whose header says what cannot be, or what nobody could keep in memory."""
    channels = int(rng.choice([0, 1, 2, 8, 255, 65_535]))
    rate, bits = int(rng.choice(_RATES)), int(rng.choice([0, 1, 8, 16, 24, 32, 64]))
    code, size = (
        int(rng.choice([1, 3, 6, 7, 0x31, 0xFFFE])),
        int(rng.choice([0, 4, 2**31, 2**32 - 1])),
    )
    data = rng.bytes(int(rng.choice([0, 3, 4_000, 2_000_000])))
    frame = max(channels * bits // 8, 1) & 0xFFFF
    form = struct.pack("<HHIIHH", code, channels, rate, rate * frame & 0xFFFFFFFF, frame, bits)
    chunks = (
        b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size) + data
    )
    path = folder / f"{name}.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks) & 0xFFFFFFFF) + b"WAVE" + chunks)
    return path


def _values(folder: Path, rng: np.random.Generator, name: str) -> Path:
    """Write samples that are no sound: NaN, infinity, overflow, silence, one sample, none."""
    count = int(rng.choice([0, 1, 5, 40_000]))
    waveform = rng.normal(size=(count, int(rng.choice([1, 2, 6])))).astype(np.float32)
    if count:
        value = float(rng.choice([np.nan, np.inf, -np.inf, 3e38, 1e-40, 0.0]))
        waveform[rng.random(waveform.shape) < rng.choice([0.001, 1.0])] = value
    path = folder / f"{name}.wav"
    path.write_bytes(_encoded(waveform, int(rng.choice([1_000, 16_000, 96_000])), "wav", "FLOAT"))
    return path


def _impostor(folder: Path, rng: np.random.Generator, name: str) -> Path:
    """Give other files a suffix of music: lists, archives, pages, pictures, nonsense, nothing."""
    contents = (
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"ffconcat version 1.0\n" + b"file '" + name.encode() + b".wma'\n" * 50,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"PK\x03\x04" + rng.bytes(400),
        b"<html><script>alert(1)</script></html>",
        b"\x89PNG\r\n\x1a\n" + rng.bytes(200),
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + rng.bytes(60),
        b"OggS" + rng.bytes(300),
        b"fLaC" + b"\0" * 300,
        rng.bytes(int(rng.integers(1, 9_000))),
        b"",
    )
    suffix = rng.choice(["wav", "flac", "ogg", "opus", "mp3", "m4a", "aac", "wma", "mp4"])
    path = folder / f"{name}.{suffix}"
    path.write_bytes(contents[rng.integers(len(contents))])
    return path


def _place(folder: Path, rng: np.random.Generator, name: str) -> Path:
    """Put something in the place of a file that is none, or that cannot be reached."""
    path = folder / f"{name}{'ä' * int(rng.integers(0, 40))}\u202e.wav"
    way = rng.integers(5)
    if way == 0:
        path.symlink_to(path.name)
    elif way == 1:
        path.symlink_to(folder / "nowhere.wav")
    elif way == 2:
        path.mkdir()
    elif way == 3:
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path)
    return path


def _containers(folder: Path, rng: np.random.Generator, name: str) -> Path:
    """Damage a file of FFmpeg's: AAC or Windows Media."""
    kind, codec = (("m4a", "aac"), ("wma", "wmav2"), ("mp4", "aac"))[rng.integers(3)]
    path = folder / f"{name}.{kind}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=44_100, layout="mono")
        stream.bit_rate = 128_000
        for start in range(0, 66_560, 1024):
            block = rng.uniform(-0.5, 0.5, (1, 1024)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.write_bytes(damaged(path.read_bytes(), random_edits(rng)))
    return path


def plays_file(folder: Path, track_ids: list[str], seed: int) -> Path:
    """Write a strange table of plays: other separators, columns, values, encodings, damage."""
    rng = np.random.default_rng(seed)
    names = [["user_name", "track_id", "playcount"], ["user", "track", "plays"], ["user_name"]]
    columns = names[rng.choice(3, p=[0.7, 0.2, 0.1])]
    separator = str(rng.choice([",", ";", "\t", "|"], p=[0.7, 0.1, 0.1, 0.1]))
    rows, oddness = [separator.join(columns)], float(rng.choice([0, 0.01, 0.1]))

    def is_odd() -> bool:
        return bool(rng.random() < oddness)

    for _ in range(int(rng.choice([0, 1, 40, 3_000]))):
        odd = WORDS[rng.integers(len(WORDS))].decode(errors="surrogateescape")
        user = str(rng.choice(["all", "None", "1e5", "a/b", odd])) if is_odd() else "ana"
        track = odd if is_odd() else str(rng.choice(track_ids[::2]))
        value = str(rng.choice(_VALUES)) if is_odd() else "3"
        rows.append(separator.join([user, track, value][: len(columns)]))
    end = str(rng.choice(["\n", "\r\n", "\r"]))
    encoding = str(rng.choice(["utf-8", "utf-8-sig", "utf-16", "latin-1"], p=[0.7, 0.1, 0.1, 0.1]))
    errors = "surrogateescape" if encoding == "utf-8" else "replace"
    content = end.join(rows).encode(encoding, errors)
    if seed % 3 == 0:
        content = damaged(content, random_edits(rng))
    path = folder / f"{seed}.{'parquet' if seed % 10 == 9 else 'csv'}"
    path.write_bytes(content)
    return path
