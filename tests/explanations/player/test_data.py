"""What Python tells the browser: checked where it enters."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explanations.player import (
    Lane,
    Resource,
    WaveformData,
    decode_mask,
    encode_mask,
    peaks,
)
from explanations.player.bundle import style
from explanations.player.palette import PALETTE
from lemons_utils import ParameterError


@given(st.lists(st.integers(0, 1), min_size=1, max_size=200))
def test_a_mask_comes_back_from_its_text(mask: list[int]) -> None:
    text = encode_mask(mask)
    assert len(text) == -(-len(mask) // 4)
    assert decode_mask(text, len(mask)).tolist() == mask


def test_a_mask_reads_from_left_to_right() -> None:
    assert encode_mask([1, 0, 0, 0, 1]) == "88"
    assert encode_mask(np.ones(25)) == "ffffff8"


@pytest.mark.parametrize("text", ["", "f", "fffffff", "FFFFFF8", "fffff-8", "ffffff88", "ffffff9"])
def test_a_text_that_is_no_mask_of_so_many_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="mask"):
        decode_mask(text, 25)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "tiles"}, "kind must be one of"),
        ({"weights": (0.1,)}, "has 25 weights, got 1"),
        ({"stems": ()}, "audio for 5 stems, got 0"),
        ({"segments": ((0, 10), (20, 30), (30, 40), (40, 50), (50, 60))}, "follow each other"),
        ({"mask": "ff"}, "7 hexadecimal digits"),
        ({"listener": "anna"}, "heads go with the name of the listener"),
        ({"heads": Resource(url="/heads.json")}, "heads go with the name of the listener"),
    ],
)
def test_mixer_data_that_does_not_fit_is_refused(
    band: Any, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ParameterError, match=words):
        replace(band.data, **change)


def test_a_resource_is_here_or_there() -> None:
    with pytest.raises(ParameterError):
        Resource()
    with pytest.raises(ParameterError):
        Resource(url="/a", content=b"b")


def test_a_waveform_needs_a_duration_and_a_lane() -> None:
    audio = Resource(url="/a.flac")
    with pytest.raises(ParameterError, match="0 lanes"):
        WaveformData("x", audio, 1.0, lanes=())
    with pytest.raises(ParameterError, match=r"0\.0 s"):
        WaveformData("x", audio, 0.0)
    assert WaveformData("x", audio, 1.0).lanes == (Lane(),)


@given(st.integers(1, 5000), st.integers(1, 2000))
def test_peaks_hold_the_loudest_sample(length: int, count: int) -> None:
    waveform = np.random.default_rng(length).uniform(-1, 1, length)
    values = peaks(waveform, count)
    assert len(values) == min(length, count)
    assert max(values) == pytest.approx(np.abs(waveform).max(), abs=6e-4)


def test_peaks_lie_where_the_sound_is() -> None:
    waveform = np.zeros(16_000)
    waveform[12_000] = -0.5
    assert np.flatnonzero(peaks(waveform, 8)).tolist() == [6]
    with pytest.raises(ParameterError, match="mono"):
        peaks(np.zeros((2, 10)))


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_in_both_themes(theme: str) -> None:
    colors = PALETTE[theme]

    def contrast(one: str, other: str) -> float:
        bright, dim = sorted((_luminance(colors[one]), _luminance(colors[other])), reverse=True)
        return (bright + 0.05) / (dim + 0.05)

    for ink in ("ink", "muted", "warning"):
        for ground in ("surface", "raised"):
            assert contrast(ink, ground) >= 4.5
    assert contrast("on-accent", "accent") >= 4.5
    for sign in ("positive", "negative"):
        assert contrast(f"{sign}-ink", "raised") >= 4.5


def test_the_style_sheet_names_every_colour() -> None:
    assert set(PALETTE["light"]) == set(PALETTE["dark"])
    sheet = style()
    for name in PALETTE["light"]:
        assert f"--lemons-{name}:" in sheet
    assert "http" not in sheet
    assert "@import" not in sheet


def test_the_player_loads_nothing_else_of_the_package() -> None:
    script = "import sys, explanations.player; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name for name in done.stdout.split() if name.startswith("explanations.")}
    assert all(name.startswith("explanations.player") for name in loaded)
