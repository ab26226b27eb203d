"""The tables that musicians edit: whole, and refused with the reason when they are not."""

import re
from dataclasses import dataclass

import pytest

from lemons_utils import DataError
from recsys.demo import tables
from recsys.demo.effects import AMPLIFIERS
from recsys.demo.genres import GENRES
from recsys.demo.instruments import BASS_DRIVE, BASS_OCTAVES, OTHER_STYLES, PATCHES, PIANO_STYLES
from recsys.demo.kit import KITS, PIECES
from recsys.demo.listeners import LISTENERS
from recsys.demo.patterns import BASS_STYLES, DRUM_GROOVES, LINES
from recsys.demo.song import STEMS
from recsys.demo.tables import read, records
from recsys.demo.theory import MODES
from recsys.demo.voice import SINGERS


@dataclass(frozen=True)
class Shaker:
    beans: int
    pair: tuple[float, float] = (0.0, 1.0)


@pytest.fixture
def write(tmp_path, monkeypatch):
    def write_table(text):
        monkeypatch.setattr(tables, "files", lambda package: tmp_path)
        (tmp_path / "shakers.toml").write_text(text)
        read.cache_clear()

    yield write_table
    read.cache_clear()


def test_rows_become_records_with_tuples_and_the_numbers_as_written(write):
    write('[small]\nbeans = 3\n["very large"]\nbeans = 40\npair = [1, 0.5]\n')
    shakers = records(Shaker, "shakers.toml")
    assert shakers == {"small": Shaker(3), "very large": Shaker(40, (1, 0.5))}
    assert [type(number) for number in shakers["very large"].pair] == [int, float]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[small]\nbeans = 3\nbeens = 4", "shakers.toml: the keys of 'small' must be from beans, "
         "pair, got beens"),
        ("[small]\npair = [1, 2]", "shakers.toml: 'small' lacks beans"),
        ("[small\nbeans = 3", "shakers.toml must be TOML"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused_with_the_reason(write, text, message):
    write(text)
    with pytest.raises(DataError, match=re.escape(message)):
        records(Shaker, "shakers.toml")


def test_genres_name_only_what_the_band_has():
    for genre in GENRES.values():
        assert set(genre.modes) <= set(MODES)
        assert set(genre.grooves) <= set(DRUM_GROOVES) and set(genre.kits) <= set(KITS)
        assert set(genre.bass_styles) <= set(BASS_STYLES)
        assert set(genre.bass_sounds) <= set(PATCHES)
        assert {name for choice in genre.others for name in choice} <= set(OTHER_STYLES)
        assert set(genre.pianos) <= set(PIANO_STYLES) and set(genre.singers) <= set(SINGERS)
        assert set(genre.lines) <= set(LINES) and len(genre.levels) == len(STEMS)
        sections = {word.rstrip("0123456789") for form in genre.forms for word in form.split()}
        assert sections <= set(read("melodies.toml")["sections"])


def test_figures_name_only_what_the_band_has():
    for figure in (*PIANO_STYLES.values(), *OTHER_STYLES.values()):
        assert figure.patch in PATCHES and figure.amplifier in {"", *AMPLIFIERS}
        if figure.kind in ("melody", "twin"):
            assert figure.pattern in LINES
        else:
            assert figure.kind in ("chords", "arpeggio", "power")
    assert {*BASS_DRIVE, *BASS_OCTAVES} <= set(PATCHES)


def test_drums_and_listeners_name_only_what_there_is():
    assert all(set(groove) <= set(PIECES) for groove in DRUM_GROOVES.values())
    fills = read("drums.toml")["fills"]
    assert {name for fill in (*fills["hands"], fills["machine"]) for name in fill.split()} <= {
        *PIECES,
        ".",
    }
    assert all(set(listener.genres) <= set(GENRES) for listener in LISTENERS.values())
