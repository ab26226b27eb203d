"""The five steps of docs/tutorial.md lead from a folder of music to an explanation."""

import re
import shlex
from importlib import import_module

import numpy as np
import pytest
from mutagen.flac import FLAC

from lemons_audio import write_audio
from lemons_commands import COMMANDS
from tests.declared import ROOT

PAGE = (ROOT / "docs" / "tutorial.md").read_text()
SONGS = 24


@pytest.fixture
def music(tmp_path, monkeypatch, rng):
    """A folder of music, of which the listener plays the half that is low, and their plays."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEMONS_DATA_FOLDER", str(tmp_path / "data"))
    rows = ["user_name,title,artist,playcount"]
    for number in range(SONGS):
        low = number < SONGS // 2
        time = np.arange(5 * 16_000) / 16_000
        tone = np.sin(2 * np.pi * (110 if low else 2000) * (1 + number / 100) * time)
        waveform = 0.3 * tone + 0.02 * rng.standard_normal(len(time))
        path = tmp_path / "music" / f"song{number if number else ''}.flac"
        path.parent.mkdir(exist_ok=True)
        write_audio(path, waveform, sample_rate=16_000)
        tags = FLAC(path)
        tags.update({"title": f"Song number {number}", "artist": f"Artist {number}"})
        tags.save()
        if low:
            rows.append(f"me,Song number {number},Artist {number},{number + 1}")
    (tmp_path / "plays.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_tutorial_leads_to_an_explanation(music, capsys):
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 6
    printed = {}
    for line in lines:
        name, *arguments = shlex.split(line)
        assert import_module(COMMANDS[name][0]).main(arguments) == 0, line
        printed[name] = capsys.readouterr().out
    assert "12 listened" in printed["lemons-listening"]
    assert "current" in printed["lemons-train"]
    assert "AUC 1.000" in printed["lemons-eval"]
    assert "Song number" in printed["lemons-predict"]
    assert "fidelity" in printed["lemons-explain"]
    following = {
        "lemons-ingest": ["recsys.listening", "plays.csv --catalogue mine"],
        "lemons-listening": ["recsys.experiment", "with user_name=me catalogue=mine recipe=lemons"],
        "lemons-train": ["recsys.predict", "--user_name me --catalogue mine"],
        "lemons-eval": ["recsys.predict", "--user_name me --catalogue mine"],
        "lemons-explain": ["explanations.launch", ""],
        "lemons-predict": ["explanations.explain", "--user_name me --catalogue mine --track TRACK"],
    }
    for name, (module, arguments) in following.items():
        said = re.search(r"^next: `python -m (\S+) ?(.*)`$", printed[name], re.MULTILINE)
        assert said[1] == module
        assert re.sub(r"track \w+", "track TRACK", said[2]) == arguments
    assert import_module(said[1]).main(shlex.split(said[2])) == 0
    assert {path.name for path in music.rglob("*top3*.flac")} == {"top3.flac", "without_top3.flac"}
