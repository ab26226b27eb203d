import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pytest
import soundfile
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TALB, TCON, TDRC, TIT2, TPE1
from mutagen.mp3 import EasyMP3
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

import lemons_audio
from lemons_audio import read_audio, to_catalogue_audio, to_int16
from lemons_jobs import Workers
from lemons_utils import DataError, ParameterError
from recsys.catalogue import Catalogue, save_audio
from recsys.ingest import decoding, ingest, main
from recsys.ingest.decoding import Excerpt, decode
from recsys.ingest.journal import Entry, IngestJournal
from recsys.ingest.tags import read_tags, tags_from_path

RATE = 16_000


def tone(frequency: float, seconds: float = 1.2, rate: int = RATE, channels: int = 1) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    chirp = 0.3 * np.sin(2 * np.pi * (frequency + 10 * t) * t)
    return np.stack([chirp * gain for gain in (1.0, 0.5)[:channels]]).astype(np.float32)


@pytest.fixture
def music(tmp_path, write_media):
    """Six songs of two artists."""
    folder = tmp_path / "music"
    for number in range(6):
        path = folder / f"Artist {number // 3}" / "Album" / f"0{number + 1} Song {number}.wav"
        write_media(path, tone(200 + 50 * number), RATE)
    return folder


@pytest.fixture
def home(tmp_path):
    return tmp_path / "catalogues" / "mine"


def take(music, home, **options):
    return ingest(music, home, **{"workers": Workers(jobs=1), **options})


def state(home: Path) -> dict[str, bytes]:
    """Everything that an ingest leaves behind; the journal's times are the files' own."""
    files = [path for path in home.rglob("*") if path.is_file() and path.name != ".ingest.lock"]
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def decoded_files(monkeypatch) -> list[str]:
    seen = []
    real = decoding.decode

    def counting(path, excerpt):
        seen.append(path.name)
        return real(path, excerpt)

    monkeypatch.setattr(decoding, "decode", counting)
    return seen


# -- formats -----------------------------------------------------------------------------------
FORMATS = ["wav", "flac", "ogg", "opus", "mp3", "m4a", "mp4", "aac", "wma"]


def test_every_format_is_taken_in(tmp_path, home, write_media):
    pitches = {suffix: 300.0 + 40 * number for number, suffix in enumerate(FORMATS)}
    for suffix, pitch in pitches.items():
        rate = 48_000 if suffix == "opus" else 44_100
        write_media(tmp_path / "music" / f"a.{suffix}", tone(pitch, 3, rate, channels=2), rate)
    (tmp_path / "music" / "a.mp3").rename(tmp_path / "music" / "A.MP3")
    outcome = take(tmp_path / "music", home)
    assert outcome.tracks == len(FORMATS)
    assert outcome.skipped == ()
    catalogue = Catalogue("mine", home)
    for row in catalogue.tracks.itertuples():
        audio = catalogue.audio(row.track_id)
        assert audio.dtype == np.int16
        assert len(audio) == row.samples == pytest.approx(3 * RATE, abs=2500)
        spectrum = np.abs(np.fft.rfft(audio[8000:24_000] / 32768))
        reference = 0.75 * tone(pitches[row.file.lower().rpartition(".")[2]], 3)[0]
        expected = np.abs(np.fft.rfft(reference[8000:24_000]))
        assert abs(spectrum.argmax() - expected.argmax()) < 20, row.file
        power, expected_power = (spectrum**2).sum(), (expected**2).sum()
        assert power == pytest.approx(expected_power, rel=0.05), row.file


@pytest.mark.parametrize(("suffix", "rate"), [("flac", 44_100), ("flac", 16_000), ("mp3", 44_100)])
def test_decoding_in_blocks_is_decoding_at_once(tmp_path, write_media, suffix, rate):
    path = tmp_path / f"long.{suffix}"
    write_media(path, tone(200, 25, rate, channels=2), rate)
    at_once = to_int16(to_catalogue_audio(*read_audio(path)))
    np.testing.assert_array_equal(decode(path, Excerpt()), at_once)


# -- excerpts ----------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", ["flac", "m4a"])
def test_excerpts_are_from_the_centre_or_the_start(tmp_path, write_media, suffix):
    path = tmp_path / f"long.{suffix}"
    write_media(path, tone(200, 21, channels=2), RATE)
    whole = decode(path, Excerpt())
    start = decode(path, Excerpt(5, "start"))
    centre = decode(path, Excerpt(5, "centre"))
    assert len(start) == len(centre) == 5 * RATE
    np.testing.assert_allclose(start, whole[: 5 * RATE], atol=60)
    middle = (len(whole) - 5 * RATE) // 2
    shift = min(
        range(-1100, 1100),
        key=lambda d: np.abs(centre - whole[middle + d : middle + d + 5 * RATE]).max(),
    )
    assert abs(shift) <= (1024 if suffix == "m4a" else 0)  # the header of m4a leaves out padding
    np.testing.assert_allclose(
        centre, whole[middle + shift : middle + shift + 5 * RATE].astype(int), atol=60
    )


def test_files_shorter_than_the_excerpt_are_taken_whole(tmp_path, write_media):
    write_media(tmp_path / "a.wav", tone(200, 3), RATE)
    assert len(decode(tmp_path / "a.wav", Excerpt(30))) == 3 * RATE


def test_the_centre_of_a_truncated_file_is_the_centre_of_what_is_left(tmp_path, write_media):
    write_media(tmp_path / "whole.mp3", tone(200, 60), RATE)
    content = (tmp_path / "whole.mp3").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(content[: len(content) // 3])
    assert len(decode(tmp_path / "cut.mp3", Excerpt(10))) == 10 * RATE


def test_impossible_excerpts_are_refused():
    for options in [(0.5,), (-1,), (float("nan"),), (30, "end")]:
        with pytest.raises(ParameterError, match="excerpt_"):
            Excerpt(*options)


def test_an_excerpt_of_a_long_file_decodes_little(tmp_path, write_media, monkeypatch):
    path = tmp_path / "long.flac"
    write_media(path, tone(200, 300), RATE)
    read = []
    real = lemons_audio.decoded_blocks

    def counting(*args, **options):
        for block, rate in real(*args, **options):
            read.append(block.shape[1])
            yield block, rate

    monkeypatch.setattr(lemons_audio, "decoded_blocks", counting)
    decode(path, Excerpt(5))
    assert sum(read) <= 5 * RATE


# -- what is skipped ---------------------------------------------------------------------------
def test_unusable_files_are_skipped_with_their_reason(music, home, write_media, capfd):
    write_media(music / "short.wav", tone(200, 0.5), RATE)
    write_media(music / "silent.wav", np.zeros((1, 3 * RATE)), RATE)
    rng = np.random.default_rng(0)
    dither = rng.integers(-1, 2, (1, 3 * RATE)) / 32768
    write_media(music / "dither.flac", dither, RATE)
    opposite = np.concatenate([tone(200, 3), -tone(200, 3)])
    write_media(music / "opposite.wav", opposite, RATE)
    soundfile.write(music / "nan.wav", np.full(40_000, np.nan), RATE, subtype="FLOAT")
    soundfile.write(music / "inf.wav", np.full(40_000, np.inf), RATE, subtype="DOUBLE")
    (music / "text.mp3").write_text("no music " * 500)
    (music / "empty.m4a").touch()
    whole = (music / "Artist 0" / "Album" / "01 Song 0.wav").read_bytes()
    (music / "header.wav").write_bytes(whole[:44])
    (music / "cover.jpg").write_bytes(b"not audio, not mentioned")
    (music / "._hidden.mp3").write_bytes(b"left by another system")
    os.mkfifo(music / "pipe.mp3")
    (music / "loop.mp3").symlink_to("loop.mp3")

    outcome = take(music, home)
    reasons = {Path(file).name: reason for file, reason in outcome.skipped}
    assert outcome.tracks == 6
    assert "0.50 s long" in reasons.pop("short.wav")
    assert "0.00 s long" in reasons.pop("header.wav")
    for name in ("silent.wav", "dither.flac", "opposite.wav"):
        assert "silent" in reasons.pop(name)
    for name in ("nan.wav", "inf.wav"):
        assert "NaN or infinite" in reasons.pop(name)
    for name in ("text.mp3", "empty.m4a"):
        assert "cannot be decoded" in reasons.pop(name)
    assert "a pipe" in reasons.pop("pipe.mp3")
    assert "symbolic links" in reasons.pop("loop.mp3")
    assert reasons == {}
    table = pd.read_csv(home / "skipped.csv")
    assert list(table.itertuples(index=False, name=None)) == list(outcome.skipped)
    assert capfd.readouterr().err == ""  # what the decoders print about it stays away


def test_skipped_files_are_not_decoded_again_and_stay_listed(music, home, write_media, monkeypatch):
    write_media(music / "short.wav", tone(200, 0.5), RATE)
    first = take(music, home)
    seen = decoded_files(monkeypatch)
    assert take(music, home).skipped == first.skipped
    assert seen == []


def test_a_file_that_cannot_be_opened_is_tried_again(music, home, monkeypatch):
    path = music / "Artist 0" / "Album" / "01 Song 0.wav"
    real = Path.open

    def failing(self, *args, **options):
        if self == path:
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", failing)
        outcome = take(music, home)
    assert outcome.skipped == ((str(path), "cannot be opened: Permission denied"),)
    assert take(music, home).tracks == 6


def test_folders_without_music_are_refused(tmp_path, home, write_media):
    with pytest.raises(DataError, match="is not a folder"):
        take(tmp_path / "gone", home)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no music"):
        take(tmp_path / "empty", home)
    write_media(tmp_path / "short" / "a.wav", tone(200, 0.3), RATE)
    with pytest.raises(DataError, match=r"none of 1 files could be used.*0\.30 s"):
        take(tmp_path / "short", home)
    assert "0.30 s" in (home / "skipped.csv").read_text()


# -- again -------------------------------------------------------------------------------------
def test_a_second_run_decodes_only_what_is_new_or_changed(music, home, write_media, monkeypatch):
    take(music, home)
    before = state(home)
    seen = decoded_files(monkeypatch)
    assert take(music, home).decoded == 0
    assert seen == []
    assert state(home) == before

    write_media(music / "new.wav", tone(900), RATE)
    changed = music / "Artist 0" / "Album" / "02 Song 1.wav"
    size = changed.stat().st_size
    write_media(changed, tone(950), RATE)
    assert changed.stat().st_size == size  # the time alone tells
    assert take(music, home).tracks == 7
    assert sorted(seen) == ["02 Song 1.wav", "new.wav"]


def test_other_excerpts_are_decoded_anew(music, home):
    take(music, home)
    assert take(music, home, excerpt=Excerpt(1.0)).decoded == 6
    assert set(Catalogue("mine", home).tracks["samples"]) == {RATE}


def test_lost_or_damaged_audio_is_decoded_again(music, home):
    take(music, home)
    before = state(home)
    first, second = sorted((home / "audio").iterdir())[:2]
    first.unlink()
    second.write_bytes(second.read_bytes()[:500])
    assert take(music, home).decoded == 2
    assert state(home) == before


def test_moving_renaming_and_retagging_keep_the_track(music, home):
    take(music, home)
    before = Catalogue("mine", home).tracks.set_index("track_id")
    (music / "Artist 0" / "Album").rename(music / "Artist 0" / "Renamed")
    old = music / "Artist 1" / "Album" / "04 Song 3.wav"
    old.rename(old.with_name("04 Retitled.wav"))
    tagged = WAVE(music / "Artist 1" / "Album" / "05 Song 4.wav")
    tagged.add_tags()
    tagged.tags.add(TIT2(encoding=3, text="Tagged"))
    tagged.save()
    take(music, home)
    after = Catalogue("mine", home).tracks.set_index("track_id")
    assert set(after.index) == set(before.index)
    assert set(after["title"]) == {"Song 0", "Song 1", "Song 2", "Retitled", "Tagged", "Song 5"}
    assert set(after["album"]) == {"Renamed", "Album"}


def test_a_file_that_is_gone_leaves_the_list_and_its_sound_stays_until_pruned(music, home):
    take(music, home)
    gone = music / "Artist 0" / "Album" / "01 Song 0.wav"
    shutil.move(gone, gone.with_suffix(".bak"))
    outcome = take(music, home)
    assert outcome.tracks == len(Catalogue("mine", home).tracks) == 5
    assert len(list((home / "audio").iterdir())) == 6
    shutil.move(gone.with_suffix(".bak"), gone)
    assert (take(music, home).decoded, len(Catalogue("mine", home).tracks)) == (0, 6)

    gone.unlink()
    take(music, home, prune=True)
    stored = {path.stem for path in (home / "audio").iterdir()}
    assert stored == set(Catalogue("mine", home).track_ids)
    assert len(stored) == 5


def test_a_second_folder_adds_to_the_catalogue(music, home, write_media, tmp_path):
    take(music, home)
    write_media(tmp_path / "more" / "a.wav", tone(1000), RATE)
    assert take(tmp_path / "more", home).tracks == 7
    (music / "Artist 0" / "Album" / "01 Song 0.wav").unlink()
    assert take(tmp_path / "more", home).tracks == 6  # gone is gone, wherever it lay


def test_a_folder_within_keeps_what_the_wider_one_knew(music, home):
    take(music, home)
    before = state(home)
    take(music / "Artist 1" / "Album", home)
    assert state(home) == before


def test_the_same_sound_twice_is_one_track(music, home):
    song = music / "Artist 0" / "Album" / "01 Song 0.wav"
    shutil.copy(song, music / "a copy.wav")
    waveform, rate = read_audio(song)
    soundfile.write(music / "other format.flac", waveform.T, rate, subtype="PCM_24")
    tags = FLAC(music / "other format.flac")
    tags["title"] = "The one with tags"
    tags.save()
    outcome = take(music, home)
    assert (outcome.tracks, outcome.copies) == (6, 2)
    assert "The one with tags" in set(Catalogue("mine", home).tracks["title"])


def test_nothing_is_pruned_while_a_folder_cannot_be_listed(music, home, monkeypatch):
    monkeypatch.chdir(music)
    for _ in range(25):
        os.mkdir("x" * 200)
        os.chdir("x" * 200)
    before = take(music, home).tracks
    with pytest.raises(DataError, match="leave --prune out"):
        take(music, home, prune=True)
    assert len(list((home / "audio").iterdir())) == before


def test_catalogues_of_others_are_not_overwritten(music, home, rng):
    save_audio(home, rng.integers(-9000, 9000, 20_000).astype(np.int16))
    before = state(home)
    with pytest.raises(DataError, match="not made by ingest"):
        take(music, home)
    assert state(home) == before


# -- any order, any interruption ---------------------------------------------------------------
def test_jobs_and_order_change_nothing(music, home, tmp_path, monkeypatch):
    tagged = WAVE(music / "Artist 1" / "Album" / "05 Song 4.wav")
    tagged.add_tags()
    tagged.tags.add(TIT2(encoding=3, text="Tagged"))
    tagged.save()
    take(music, home)
    assert Catalogue("mine", home).tracks["file"].is_monotonic_increasing
    take(music, tmp_path / "two", workers=Workers(jobs=2))
    assert state(tmp_path / "two") == state(home)

    real = os.walk

    def backwards(*args, **options):
        for parent, folders, names in real(*args, **options):
            folders.sort(reverse=True)
            yield parent, folders, sorted(names, reverse=True)

    monkeypatch.setattr(os, "walk", backwards)
    take(music, tmp_path / "three")
    assert state(tmp_path / "three") == state(home)


KILLED = """
import os, signal, sys
from recsys.ingest import folder as ingest
from recsys.ingest.journal import IngestJournal as Journal

def kill_at(module, name, moment):
    real, calls = getattr(module, name), []
    def counted(*arguments):
        calls.append(1)
        if len(calls) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)
    setattr(module, name, counted)

kill_at(*{"add": (Journal, "add"), "tracks": (ingest, "write_tracks"),
          "rewrite": (Journal, "rewrite"), "never": (Journal, "add")}[sys.argv[1]],
        int(sys.argv[2]))
sys.exit(ingest.main(sys.argv[3:]))
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_catalogue(music, home, tmp_path, write_media):
    for number in range(20):
        write_media(music / f"Artist {number % 5}" / f"{number}.mp3", tone(600 + 20 * number), RATE)
    write_media(music / "short.wav", tone(200, 0.5), RATE)
    reference = tmp_path / "reference"
    take(music, reference)

    def run(where: str, moment: int) -> int:
        command = [sys.executable, "-c", KILLED, where, str(moment), str(music)]
        process = subprocess.Popen(
            [*command, "--catalogue", "mine", "--jobs", "2"],
            env={**os.environ, "LEMONS_DATA_FOLDER": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        code = process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers would idle for minutes
        return code

    known = 0
    for where, moment in (("add", 2), ("add", 12), ("tracks", 1), ("rewrite", 1)):
        assert run(where, moment) == -signal.SIGKILL
        lines = (home / "ingest.jsonl").read_text().splitlines()
        assert sum(line.endswith("}") for line in lines) > known  # each run goes on from the last
        known = min(known + moment - 1, 27) if where == "add" else known
        assert (home / "tracks.parquet").exists() == (where == "rewrite")
        with (home / "ingest.jsonl").open("a") as file:
            file.write('{"file": "half a li')
        (home / "audio" / ".half.0123.npy").write_bytes(b"half an array")
    assert run("never", 1000) == 0
    assert state(home) == state(reference)


def test_only_one_ingest_works_in_a_catalogue(music, home):
    import filelock

    home.mkdir(parents=True)
    with (
        filelock.FileLock(home / ".ingest.lock"),
        pytest.raises(DataError, match="another ingest"),
    ):
        take(music, home)


def test_the_journal_survives_half_lines(tmp_path):
    path = tmp_path / "ingest.jsonl"
    entries = [Entry(f"/m/{name}", "/m", 1, 2, "whole") for name in ("a", "b\udcff", "c")]
    journal = IngestJournal(path)
    for number, entry in enumerate(entries, 1):
        journal.add(entry)
        assert path.read_text().count("}\n") == number  # a kill now would not lose it
    path.write_bytes(path.read_bytes()[:-20])
    journal = IngestJournal(path)
    assert set(journal.entries) == {"/m/a", "/m/b\udcff"}
    journal.add(entries[2])
    with path.open("a") as file:
        file.write('[1, 2]\n{"unknown": 3}\n')
    assert IngestJournal(path).entries == {entry.file: entry for entry in entries}


# -- tags --------------------------------------------------------------------------------------
TAGS = {
    "title": "Möwe",
    "artist": "The Gulls",
    "album": "Sea",
    "genre": "Folk",
    "year": "1997",
}


def write_tags(path: Path) -> None:
    suffix = path.suffix
    frames = [
        TIT2(encoding=3, text=TAGS["title"]),
        TPE1(encoding=3, text=TAGS["artist"]),
        TALB(encoding=3, text=TAGS["album"]),
        TCON(encoding=3, text=TAGS["genre"]),
        TDRC(encoding=3, text="1997-05-12"),
    ]
    easy = {**TAGS, "date": "1997-05-12"}
    easy.pop("year")
    if suffix in {".flac", ".ogg", ".opus", ".mp3"}:
        kinds = {".flac": FLAC, ".ogg": OggVorbis, ".opus": OggOpus, ".mp3": EasyMP3}
        file = kinds[suffix](path)
        file.update(easy)
        file.save()
    elif suffix == ".wav":
        file = WAVE(path)
        file.add_tags()
        for frame in frames:
            file.tags.add(frame)
        file.save()
    elif suffix == ".aac":
        tags = ID3()
        for frame in frames:
            tags.add(frame)
        tags.save(path)
    elif suffix == ".wma":
        file = ASF(path)
        file["Title"], file["Author"], file["WM/AlbumTitle"] = "Möwe", "The Gulls", "Sea"
        file["WM/Genre"], file["WM/Year"] = "Folk", "1997"
        file.save()
    else:
        file = MP4(path)
        file["\xa9nam"], file["\xa9ART"], file["\xa9alb"] = "Möwe", "The Gulls", "Sea"
        file["\xa9gen"], file["\xa9day"] = "Folk", "1997"
        file.save()


@pytest.mark.parametrize("suffix", FORMATS)
def test_tags_of_every_format(tmp_path, write_media, suffix):
    path = tmp_path / f"a.{suffix}"
    write_media(path, tone(300, 2, 48_000, channels=2), 48_000)
    assert read_tags(path) == {}
    write_tags(path)
    assert read_tags(path) == TAGS
    assert len(decode(path, Excerpt())) > RATE


def test_tags_in_the_info_chunk_of_wav(tmp_path):
    with soundfile.SoundFile(tmp_path / "a.wav", "w", RATE, 1) as file:
        file.title, file.artist, file.album = "Title", "Artist", "Album"
        file.genre, file.date = "Rock", "2001"
        file.write(tone(300)[0])
    assert read_tags(tmp_path / "a.wav") == {
        "title": "Title",
        "artist": "Artist",
        "album": "Album",
        "genre": "Rock",
        "year": "2001",
    }


def test_genres_by_number_and_odd_values(tmp_path, write_media):
    write_media(tmp_path / "a.mp3", tone(300), RATE)
    tags = ID3()
    tags.add(TCON(encoding=3, text="(17)"))
    tags.add(TIT2(encoding=3, text=["", "  Two\x01 \n words  "]))
    tags.add(TDRC(encoding=3, text="soon"))
    tags.save(tmp_path / "a.mp3")
    assert read_tags(tmp_path / "a.mp3") == {"genre": "Rock", "title": "Two words"}


def test_damaged_tags_cost_the_tags_alone(tmp_path, music, home, write_media):
    path = music / "tagged.mp3"
    write_media(path, tone(300, 2, 44_100), 44_100)
    write_tags(path)
    content = bytearray(path.read_bytes())
    content[10:40] = b"\xff" * 30
    path.write_bytes(content)
    outcome = take(music, home)
    assert outcome.tracks + len(outcome.skipped) == 7
    assert all("decode" in reason or "damaged" in reason for _, reason in outcome.skipped)


def test_the_path_fills_in_what_tags_leave_open(music, home):
    file = WAVE(music / "Artist 0" / "Album" / "01 Song 0.wav")
    file.add_tags()
    file.tags.add(TPE1(encoding=3, text="Tagged artist"))
    file.save()
    take(music, home)
    row = Catalogue("mine", home).tracks.set_index("title").loc["Song 0"]
    assert (row["artist"], row["album"]) == ("Tagged artist", "Album")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Artist/Album/01 Title.mp3", "Artist|Album|Title"),
        ("Artist/Album/01 - Title.mp3", "Artist|Album|Title"),
        ("Artist/Album/1-07. Title.mp3", "Artist|Album|Title"),
        ("Artist/Album/12 Title.mp3", "Artist|Album|Title"),
        ("Artist/Album/CD 2/03_Some_Title.mp3", "Artist|Album|Some Title"),
        ("Music/Artist/Album (1999)/04 Title.mp3", "Artist|Album|Title|1999"),
        ("Artist/1999 - Album/04 Title.mp3", "Artist|Album|Title|1999"),
        ("Artist/Artist - Album/Artist - Title.mp3", "Artist|Album|Title"),
        ("Artist/Album/05 Title - Live.mp3", "Artist|Album|Title - Live"),
        ("Artist - Album/01 Title.mp3", "Artist|Album|Title"),
        ("Artist - Album [2004]/01 Title.mp3", "Artist|Album|Title|2004"),
        ("Artist/Title.mp3", "Artist||Title"),
        ("Mixtape/Artist - Title.mp3", "Artist|Mixtape|Title"),
        ("Artist/Artist - Title.mp3", "Artist||Title"),
        ("Various Artists/Album/07 Artist - Title.mp3", "Artist|Album|Title"),
        ("Artist - Title.mp3", "Artist||Title"),
        ("01 - Artist - Title.mp3", "Artist||Title"),
        ("Artist – Title.mp3", "Artist||Title"),
        ("Artist_Name_-_Title.mp3", "Artist Name||Title"),
        ("99 Luftballons.mp3", "||99 Luftballons"),
        ("1979.mp3", "||1979"),
        ("1999/Title.mp3", "1999||Title"),
        ("01.mp3", "||01"),
        ("Title.mp3", "||Title"),
        ("Mo\u0308we.mp3", "||M\u00f6we"),
    ],
)
def test_artist_album_and_title_from_the_path(path, expected):
    found = tags_from_path(PurePosixPath(path))
    fields = ("artist", "album", "title", "year")
    told = "|".join(found.get(field, "") for field in fields)
    assert told.removesuffix("|") == expected


def test_file_names_that_are_no_utf_8(tmp_path, home, write_media):
    write_media(tmp_path / "music" / "a.wav", tone(300), RATE)
    odd = os.fsencode(tmp_path / "music") + b"/caf\xe9.wav"
    os.rename(tmp_path / "music" / "a.wav", odd)
    take(tmp_path / "music", home)
    assert Catalogue("mine", home).tracks["title"][0].startswith("caf")
    assert take(tmp_path / "music", home).decoded == 0


# -- the command -------------------------------------------------------------------------------
def test_the_command(music, tmp_path, monkeypatch, capsys, write_media):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    write_media(music / "short.wav", tone(200, 0.5), RATE)
    arguments = [str(music), "--catalogue", "mine", "--jobs", "1", "--excerpt_s", "1"]
    assert main([*arguments, "--excerpt_from", "start"]) == 0
    printed = capsys.readouterr()
    assert "catalogue mine: 6 tracks; 7 files decoded, 0 copies of others, 1 skipped" in printed.out
    assert "short.wav: is 0.50 s long" in printed.out
    assert printed.err == ""  # no bar where there is no terminal, and no line of what is soon over
    assert main([*arguments, "--excerpt_from", "start", "--strict"]) == 1
    lines = (tmp_path / "catalogues" / "mine" / "ingest.jsonl").read_text().splitlines()
    assert {json.loads(line)["excerpt"] for line in lines} == {"1 s from start"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gone", "--catalogue", "x"], "is not a folder"),
        ([".", "--catalogue", "../x"], "catalogue must be"),
        ([".", "--catalogue", "x", "--excerpt_s", "0"], "excerpt_s must be"),
        ([".", "--catalogue", "x", "--jobs", "0"], "jobs must be"),
    ],
)
def test_mistakes_are_one_line(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


# -- size --------------------------------------------------------------------------------------
@pytest.mark.slow
def test_ten_thousand_tracks_need_less_than_a_gigabyte():
    script = Path(__file__).parents[3] / "benchmarks" / "ingest.py"
    done = subprocess.run(
        [sys.executable, str(script), "--tracks", "10000"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    peaks = [int(peak.replace(",", "")) for peak in re.findall(r"memory ([\d,]+) MB", done.stdout)]
    assert len(peaks) == 2
    assert max(peaks) <= 1000


def test_hours_of_audio_pass_through_in_blocks(tmp_path, write_media):
    """Memory grows with the result, 16-bit mono at 16 kHz, not with what is decoded."""
    path = tmp_path / "long.flac"
    write_media(path, np.tile(tone(200, 60, 44_100, channels=2), 3), 44_100)
    decode(path, Excerpt(1))  # libraries are loaded
    tracemalloc.start()
    audio = decode(path, Excerpt())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(audio) == 180 * RATE
    assert peak < 2 * audio.nbytes + 20 * 2**20  # decoded at once it would be 60 MB
