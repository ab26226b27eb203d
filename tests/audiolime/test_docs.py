"""The examples of docs/audiolime.md run, and print what the page says."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

import audiolime
from lemons_audio import write_audio

PAGE = (Path(__file__).parents[2] / "docs" / "audiolime.md").read_text()
EXAMPLE = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE)


@pytest.fixture
def song(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    time = np.arange(3 * 16_000) / 16_000
    waveform = 0.2 * np.sin(2 * np.pi * 110 * time) + 0.1 * rng.standard_normal(len(time))
    write_audio(tmp_path / "song.flac", waveform, sample_rate=16_000)


def energy(waveforms):
    loud = np.abs(waveforms).mean(axis=1)
    return np.stack([1 - loud, loud], axis=1)


@pytest.mark.parametrize("number", range(5))
def test_an_example_prints_what_the_page_says(song, number):
    code, expected = EXAMPLES[number]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, f"docs/audiolime.md, example {number}", "exec"), {"predict_fn": energy})
    if expected:
        assert printed.getvalue() == expected
    else:
        assert re.fullmatch(
            r"(\w+\d: [+-]0\.\d{4}, \d\.\d to \d\.\d s\n){3}fidelity: \d\.\d\d\n",
            printed.getvalue(),
        )


def test_there_are_five_examples():
    assert len(EXAMPLES) == 5


def test_every_name_of_the_page_and_of_the_package_can_be_imported():
    named = re.findall(r"from audiolime import (\w+)`", PAGE)
    assert len(named) >= 9
    for name in {*named, *audiolime.__all__}:
        exec(f"from audiolime import {name}")  # names modules, too
    assert set(audiolime.__all__) <= set(dir(audiolime))
    with pytest.raises(AttributeError, match="no attribute 'lime_image'"):
        audiolime.lime_image  # noqa: B018
