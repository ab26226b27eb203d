import os

import av
import numpy as np
import pytest

from lemons_audio import read_audio, to_float32, write_audio
from lemons_utils import SAMPLE_RATE
from recsys.catalogue import open_catalogue
from recsys.importers import musdb
from recsys.importers.musdb import STEMS, STREAMS, main

RATE = 44_100


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path / "data"))
    return tmp_path / "data"


def make_stems(seconds: float = 4.0, seed: int = 0) -> dict[str, np.ndarray]:
    """Four stereo stems that a codec keeps well; each louder to the right, and rising."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE)) / RATE
    stems = {}
    for place, name in enumerate(STEMS):
        tone = np.sin(2 * np.pi * (220 * (place + 1) + 20 * rng.random()) * time_s)
        rising = 0.05 + 0.1 * time_s / seconds
        stems[name] = np.stack([0.5 * tone * rising, tone * rising]).astype(np.float32)
    return stems


def with_mixture(stems: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {musdb.MIXTURE: sum(stems.values()), **stems}


def write_stem_file(path, streams: dict[str, np.ndarray]) -> None:
    """Five AAC streams in one MP4, as Native Instruments' format has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        encoders = {}
        for name in streams:
            encoders[name] = container.add_stream("aac", rate=RATE, layout="stereo")
            encoders[name].bit_rate = 256_000
        length = next(iter(streams.values())).shape[1]
        for start in range(0, length, 1024):
            for name, waveform in streams.items():
                block = np.ascontiguousarray(waveform[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = RATE, start
                container.mux(encoders[name].encode(frame))
        for encoder in encoders.values():
            container.mux(encoder.encode(None))


def write_hq(folder, streams: dict[str, np.ndarray]) -> None:
    for name, waveform in streams.items():
        write_audio(folder / f"{name}.wav", waveform, sample_rate=RATE)


def at_16k(waveform: np.ndarray, begin_s: float, seconds: float = 2.0) -> np.ndarray:
    """Mono at 16 kHz, between samples by a straight line: the tones are far below 8 kHz."""
    times_s = begin_s + np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.interp(times_s, np.arange(waveform.shape[1]) / RATE, waveform.mean(axis=0))


def where(excerpt: np.ndarray, waveform: np.ndarray) -> float:
    """Time at which an excerpt begins [s], to a sample at 16 kHz; around one second."""
    starts = np.arange(round(0.9 * SAMPLE_RATE), round(1.1 * SAMPLE_RATE))
    whole = at_16k(waveform, 0.0, waveform.shape[1] / RATE)
    misses = [np.square(whole[at : at + 4_000] - excerpt[:4_000]).sum() for at in starts]
    return float(starts[np.argmin(misses)] / SAMPLE_RATE)


def test_the_stream_order_is_musdbs():
    assert STREAMS == ("mixture", "drums", "bass", "other", "vocals")


@pytest.mark.parametrize("form", ["stem.mp4", "hq"])
def test_the_centre_of_mixture_and_true_stems(data, tmp_path, form, capsys):
    streams = with_mixture(make_stems())
    home = tmp_path / "musdb" / "train"
    if form == "hq":
        write_hq(home / "Ä Band - The Song", streams)
    else:
        write_stem_file(home / "Ä Band - The Song.stem.mp4", streams)
    (tmp_path / "musdb" / "readme.txt").write_text("no song")
    command = [str(tmp_path / "musdb"), "--excerpt_s", "2", "--jobs", "1"]
    assert main(command) == 0
    assert "1 tracks with their true stems; 0 skipped" in capsys.readouterr().out
    catalogue = open_catalogue("musdb18", data_folder=data)
    (row,) = catalogue.tracks.to_dict("records")
    assert (row["title"], row["artist"], row["subset"]) == ("The Song", "Ä Band", "train")
    assert row["samples"] == 2 * SAMPLE_RATE
    audio = to_float32(catalogue.audio(row["track_id"]))
    folder = musdb.stems_folder(catalogue.folder, row["track_id"])
    stems = {path.stem: read_audio(path) for path in folder.iterdir()}
    assert set(stems) == set(STEMS)
    assert {rate for _, rate in stems.values()} == {SAMPLE_RATE}
    begin_s = where(audio, streams["mixture"])
    assert begin_s == pytest.approx(1.0, abs=0 if form == "hq" else 0.1)  # AAC pads at both ends
    for name, (stem, _) in stems.items():
        assert stem.shape == (1, 2 * SAMPLE_RATE)
        np.testing.assert_allclose(stem[0], at_16k(streams[name], begin_s), atol=0.01)
    np.testing.assert_allclose(audio, at_16k(streams["mixture"], begin_s), atol=0.02)
    left_over = audio - sum(stem[0] for stem, _ in stems.values())
    assert np.square(left_over).sum() < 1e-4 * np.square(audio).sum()


def test_a_second_run_decodes_what_is_new_alone(data, tmp_path, monkeypatch, capsys):
    for number, subset in enumerate(("train", "test")):
        streams = with_mixture(make_stems(1.5, seed=number))
        write_hq(tmp_path / "musdb" / subset / f"Band - {number}", streams)
    command = [str(tmp_path / "musdb"), "--jobs", "2"]
    assert main([str(tmp_path / "musdb" / "train"), "--jobs", "1"]) == 0
    decoded = []
    real = musdb.read_song

    def watched(song, excerpt):
        decoded.append(song.parent.name)
        return real(song, excerpt)

    monkeypatch.setattr(musdb, "read_song", watched)
    assert main([*command[:-1], "1"]) == 0
    assert decoded == ["Band - 1"]
    tracks = open_catalogue("musdb18", data_folder=data).tracks
    assert dict(zip(tracks["title"], tracks["subset"], strict=True)) == {"0": "train", "1": "test"}

    monkeypatch.undo()
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path / "other"))
    assert main(command) == 0  # on two processes, in one run: the same catalogue
    again = open_catalogue("musdb18", data_folder=tmp_path / "other").tracks
    assert set(again["track_id"]) == set(tracks["track_id"])


def test_songs_that_cannot_be_used_are_told(data, tmp_path, capsys):
    home = tmp_path / "musdb"
    write_hq(home / "Good - Song", with_mixture(make_stems(1.2)))
    write_hq(home / "No - Vocals", with_mixture(make_stems(1.2, seed=1)))
    os.unlink(home / "No - Vocals" / "vocals.wav")
    write_hq(home / "Too - Short", with_mixture(make_stems(0.5)))
    silence = {name: np.zeros((2, 2 * RATE), np.float32) for name in STREAMS}
    write_hq(home / "All - Silent", silence)
    streams = with_mixture(make_stems(1.2))
    write_stem_file(home / "Four - Streams.stem.mp4", dict(list(streams.items())[:4]))
    (home / "Cut - Off.stem.mp4").write_bytes(b"no mp4")
    assert main([str(home), "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "1 tracks with their true stems; 5 skipped" in printed
    assert printed.endswith("next: `python -m recsys.listening plays.csv --catalogue musdb18`\n")
    for reason in ("vocals.wav is not a file", "shorter than 1 s", "silent", "4 audio streams"):
        assert reason in printed
    assert len(open_catalogue("musdb18", data_folder=data).tracks) == 1


def test_mistakes_are_one_line(data, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (data / "catalogues" / "mine").mkdir(parents=True)
    (data / "catalogues" / "mine" / "tracks.parquet").touch()
    write_hq(tmp_path / "songs" / "A - B", with_mixture(make_stems(1.2)))
    for arguments, says in (
        ([str(tmp_path / "gone")], "is not a folder"),
        ([str(tmp_path / "empty")], "holds no song of MUSDB18"),
        ([str(tmp_path / "songs"), "--catalogue", "mine"], "is another catalogue"),
        ([str(tmp_path / "songs"), "--excerpt_s", "0.1"], "excerpt_s must be"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
