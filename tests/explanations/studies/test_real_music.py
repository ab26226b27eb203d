"""The study of real music: its catalogue of guitars, and the command from end to end."""

import numpy as np
import pytest

from explanations.studies import results
from explanations.studies.real_music import STUDY as real_music
from explanations.studies.real_music import guitars
from explanations.studies.real_music.guitars import guitar_catalogue
from lemons_audio import to_float32, write_audio
from lemons_utils import DataError

RATE = 22_050
HERE = ["--catalogue", "small", "--separator", "folder", "--tracks", "any", "--k", "1",
        "--n_temporal_segments", "2", "--num_samples", "16", "--repeat", "2"]  # fmt: skip


@pytest.fixture
def songs(tmp_path, monkeypatch):
    """Make one song of eight seconds with a guitar, and one without."""
    monkeypatch.setattr(guitars, "EXCERPT_S", 3.0)
    monkeypatch.setattr(guitars, "FIRST_S", 1.0)
    rng = np.random.default_rng(5)
    time = np.arange(8 * RATE) / RATE
    guitar = 0.9 * np.sign(np.sin(2 * np.pi * 196 * time)) * (time % 1 < 0.7)
    band = 0.6 * rng.normal(0, 0.3, len(time)).clip(-1, 1)
    for name, parts in (("with", ("song", "guitar")), ("without", ("song",))):
        folder = tmp_path / "songs" / name
        folder.mkdir(parents=True)
        for part in parts:
            wave = guitar if part == "guitar" else band
            write_audio(folder / f"{part}.ogg", wave.astype(np.float32), sample_rate=RATE)
    return tmp_path / "songs"


def test_guitars_become_a_catalogue_of_loud_excerpts_with_stems(songs, tmp_path):
    catalogue = guitar_catalogue([songs], tmp_path / "catalogues" / "guitars", 5)
    assert list(catalogue.tracks["title"]) == ["with, 1 s", "with, 4 s"], "the third is too short"
    for track_id in catalogue.track_ids:
        audio = to_float32(catalogue.audio(track_id))
        assert 0.5 < np.abs(audio).max() <= 0.96
        assert {path.name for path in (catalogue.folder / "stems" / track_id).iterdir()} == {
            "guitar.flac",
            "accompaniment.flac",
        }
    again = guitar_catalogue([songs], tmp_path / "catalogues" / "guitars", 5)
    assert again.track_ids == catalogue.track_ids


def test_a_folder_without_guitars_is_refused(songs, tmp_path):
    with pytest.raises(DataError, match=r"song\.ogg and guitar\.ogg"):
        guitar_catalogue([songs / "without"], tmp_path / "catalogues" / "guitars", 1)


def test_the_command_measures_every_part(small, songs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("explanations.studies.separators.measuring.SEPARATORS", ("dsp",))
    out = tmp_path / "results"
    run = [str(songs), *HERE, "--excerpts", "1", "--out", str(out)]
    assert real_music.main(run) == 0, capsys.readouterr().err
    assert "- 1 tracks. " in capsys.readouterr().out
    rows, about = results.read_results(out, "real_music")
    assert set(rows["part"]) == {"stability", "explanation", "curve", "separators", "guitar"}
    assert str(songs) not in about["command"] and " FOLDER " in about["command"]
    own = rows[rows["part"] == "guitar"]
    assert list(own["separator"]) == ["folder", "dsp"] and own["nearest"].iloc[0] == "guitar"
    assert own["relevance"].iloc[0] == pytest.approx(own["relevance"].iloc[1], abs=1e-3)
    assert {path.name for path in out.iterdir()} == {
        "real_music.csv",
        "real_music.json",
        "real_music.png",
        "real_music_guitar.png",
    }
    section = real_music.section(out)
    assert "1 with dsp excerpts: no different from chance" in section.findings[-1]
    assert real_music.main([*HERE, "--out", str(out)]) == 0, "songs may be left out"
    assert len(real_music.section(out).tables) == len(section.tables) - 1


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--k", "0"], "k must be at least 1"),
        (["--catalogue", "nowhere"], "nowhere"),
        (["--user_name", "bob"], "bob has no model"),
    ],
)
def test_the_command_says_what_is_wrong(small, capsys, option, message):
    assert real_music.main([*HERE, *option]) == 2
    assert message in capsys.readouterr().err
