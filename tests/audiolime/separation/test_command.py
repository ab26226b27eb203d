import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
import soundfile

from audiolime.separation import files
from audiolime.separation.__main__ import main
from audiolime.separation.dsp import Dsp
from audiolime.separation.interface import ComputingSeparator
from lemons_audio import read_audio, write_audio
from lemons_jobs import Workers

NAMES = {"vocals.flac", "drums.flac", "bass.flac", "other.flac"}


def _noise(seed: int, shape: tuple[int, ...], level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, shape).astype(np.float32)


def _sum(folder) -> tuple[np.ndarray, int]:
    stems = [read_audio(folder / name) for name in sorted(NAMES)]
    return np.sum([stem for stem, _ in stems], axis=0, dtype=np.float32), stems[0][1]


def test_stems_have_the_files_own_rate_and_channels_and_sum_to_it(tmp_path, capsys):
    song = tmp_path / "a song.wav"
    write_audio(song, _noise(1, (2, 30_000)), sample_rate=22_050)
    assert main([str(song), "--separator", "dsp", "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / "a song"
    assert {path.name for path in folder.glob("*.flac")} == NAMES
    assert soundfile.info(str(folder / "bass.flac")).subtype == "PCM_24"
    total, rate = _sum(folder)
    assert rate == 22_050
    np.testing.assert_array_equal(total, read_audio(song)[0])
    assert "[1/1]" in capsys.readouterr().out


def _write_m4a(path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        for start in range(0, 88_064, 1024):
            frame = av.AudioFrame.from_ndarray(_noise(start, (1, 1024)), "fltp", "mono")
            frame.sample_rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_one_bad_file_does_not_stop_the_others(tmp_path, capsys):
    good, bad, short = (tmp_path / name for name in ("good.m4a", "bad.mp3", "short.wav"))
    _write_m4a(good)
    bad.write_bytes(b"this is no music")
    write_audio(short, _noise(1, (1, 8_000)), sample_rate=16_000)
    tracks = [str(bad), str(tmp_path / "missing.wav"), str(short), str(good)]
    assert main([*tracks, "--separator", "dsp", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr()
    assert "bad.mp3: error:" in said.err
    assert "missing.wav is not a file" in said.err
    assert "at least 1 s" in said.err
    assert "3 of 4 files" in said.err
    assert "[4/4]" in said.out
    assert {path.name for path in (tmp_path / "out" / "good").glob("*.flac")} == NAMES
    total, rate = _sum(tmp_path / "out" / "good")
    decoded, own_rate = read_audio(good)
    assert rate == own_rate
    assert np.abs(total - decoded).max() <= 2.0**-24  # AAC decodes to floats off the 24-bit grid


def test_peaks_beyond_full_scale_are_clipped_and_named(tmp_path, capsys):
    song = tmp_path / "loud.wav"
    loud = np.clip(_noise(2, (20_000,), level=0.5), -1.25, 1.25)
    loud[100] = 1.25
    soundfile.write(str(song), loud, 16_000, subtype="FLOAT")
    assert main([str(song), "--separator", "dsp", "--out", str(tmp_path)]) == 0
    assert "peaks of 1.25 clipped" in capsys.readouterr().out
    total, _ = _sum(tmp_path / "loud")
    assert np.abs(total[0] - np.clip(loud, -1, 1)).max() <= 2.0**-23


def test_files_of_one_name_get_a_folder_each(tmp_path):
    songs = []
    for album in ("one", "two"):
        songs.append(tmp_path / album / "01.wav")
        write_audio(songs[-1], _noise(len(songs), (16_000,)), sample_rate=16_000)
    out = tmp_path / "out"
    assert main([*map(str, songs), str(songs[0]), "--separator", "dsp", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["01", "01-2"]
    np.testing.assert_array_equal(_sum(out / "01-2")[0], read_audio(songs[1])[0])


def test_what_is_there_is_not_separated_again_until_the_file_changes(tmp_path, capsys):
    songs = [tmp_path / f"{number}.wav" for number in range(3)]
    for number, song in enumerate(songs):
        write_audio(song, _noise(number, (20_000,)), sample_rate=16_000)
    out = tmp_path / "out"
    arguments = [*map(str, songs), "--separator", "dsp", "--out", str(out)]
    assert main(arguments) == 0
    assert "already" not in capsys.readouterr().out
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.flac")}
    write_audio(songs[1], _noise(9, (20_100,)), sample_rate=16_000)
    (out / "2" / "bass.flac").unlink()
    assert main(arguments) == 0
    assert capsys.readouterr().out.count("there already") == 1
    for number, song in enumerate(songs):
        np.testing.assert_array_equal(_sum(out / str(number))[0], read_audio(song)[0])
    made = {path.parent.name for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert made == {"1", "2"}


def _kill_after_first_stem(monkeypatch) -> None:
    def write_one(path, stem, *, sample_rate):
        monkeypatch.setattr(files, "write_audio", _killed)
        write_audio(path, stem, sample_rate=sample_rate)

    monkeypatch.setattr(files, "write_audio", write_one)


def _killed(*_, **__) -> None:
    raise KeyboardInterrupt


def test_stems_of_a_killed_separation_are_not_taken_for_those_of_another(tmp_path, monkeypatch):
    song, out = tmp_path / "song.wav", tmp_path / "out"
    write_audio(song, _noise(1, (20_000,)), sample_rate=16_000)
    separators = {"dsp": Dsp(), "halves": _Halves()}
    monkeypatch.setattr(files, "load", separators.__getitem__)
    dsp, halves = (files.SeparationJob(song, out, name) for name in separators)
    files.separate_file(dsp)
    expected = {path.name: path.read_bytes() for path in out.glob("*.flac")}
    with monkeypatch.context() as killing:
        _kill_after_first_stem(killing)
        with pytest.raises(KeyboardInterrupt):
            files.separate_file(halves)
    assert (out / "vocals.flac").read_bytes() != expected["vocals.flac"]
    assert "already" not in files.separate_file(dsp)
    assert {path.name: path.read_bytes() for path in out.glob("*.flac")} == expected
    assert "already" in files.separate_file(dsp)
    files.separate_file(halves)
    files.separate_file(dsp)  # whose folder has no guitar
    assert {path.name: path.read_bytes() for path in out.glob("*.flac")} == expected


class _Halves(ComputingSeparator):
    """A separator with stems that `dsp` does not have."""

    name, version, stem_names = "halves", "1", ("vocals", "guitar", "other")

    def estimate(self, mix, sample_rate):
        return np.stack([mix / 2, mix / 4])


@pytest.mark.parametrize("damage", ["cut", "flipped", "swapped"])
def test_a_damaged_stem_is_not_there_already(tmp_path, capsys, damage):
    song, folder = tmp_path / "song.wav", tmp_path / "out" / "song"
    write_audio(song, _noise(1, (20_000,)), sample_rate=16_000)
    arguments = [str(song), "--separator", "dsp", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    stem = folder / "bass.flac"
    before = stem.read_bytes()
    flipped = bytearray(before)
    flipped[len(before) // 2] ^= 1
    other = (folder / "drums.flac").read_bytes()
    stem.write_bytes({"cut": before[:-100], "flipped": flipped, "swapped": other}[damage])
    capsys.readouterr()
    assert main(arguments) == 0
    assert "already" not in capsys.readouterr().out
    assert stem.read_bytes() == before


def test_two_commands_at_once_separate_once(tmp_path, monkeypatch):
    song = tmp_path / "song.wav"
    write_audio(song, _noise(1, (20_000,)), sample_rate=16_000)
    job = files.SeparationJob(song, tmp_path / "out", "dsp")
    both, times = threading.Barrier(2), []

    def separate(self, mix, sample_rate, separate=Dsp.separate):
        times.append(1)
        return separate(self, mix, sample_rate)

    def read(path, read=read_audio):
        both.wait(30)  # neither has seen a card
        return read(path)

    monkeypatch.setattr(Dsp, "separate", separate)
    monkeypatch.setattr(files, "read_audio", read)
    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(files.separate_file, [job, job]), key=len)
    assert len(times) == 1
    assert said[0].startswith("there already")
    assert {path.name for path in (tmp_path / "out").glob("*.flac")} == NAMES


@pytest.mark.parametrize("workers", ["processes", "cluster"])
def test_many_separate_the_same_when_one_of_them_dies(tmp_path, workers, request, kill_a_worker):
    songs = [tmp_path / f"{number}.wav" for number in range(6)]
    for number, song in enumerate(songs):
        write_audio(song, _noise(number, (1, 40_000)), sample_rate=16_000)
    arguments = [*map(str, songs), "--separator", "dsp", "--out"]
    assert main([*arguments, str(tmp_path / "one")]) == 0
    address = request.getfixturevalue("cluster") if workers == "cluster" else ""
    many = tmp_path / "many"
    how = (Workers(2, address), lambda: any(many.rglob("*.flac")))
    killer = threading.Thread(target=kill_a_worker, args=how)
    killer.start()
    workers = ["--cluster", address] if address else ["--jobs", "2"]
    assert main([*arguments, str(many), *workers]) == 0
    killer.join()
    stems = sorted(path.relative_to(many) for path in many.rglob("*.flac"))
    assert len(stems) == 6 * len(NAMES)
    for stem in stems:
        assert (many / stem).read_bytes() == (tmp_path / "one" / stem).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x.wav", "--separator", "magic", "--out", "o"], "invalid choice: 'magic'"),
        (["x.wav", "--separator", "folder", "--out", "o"], "invalid choice"),
        (["x.wav"], "--out"),
        (["x.wav", "--separator", "demucs:htdemucs", "--out", "o"], "demucs"),
    ],
)
def test_wrong_arguments_exit_2_with_one_line(tmp_path, arguments, said):
    done = subprocess.run(
        [sys.executable, "-m", "audiolime.separation", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
