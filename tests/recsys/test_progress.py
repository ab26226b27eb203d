"""Progress: a bar at a terminal, a line now and then elsewhere, nothing for what is soon over."""

import io
import re
import sys
from types import SimpleNamespace

import pytest

from recsys import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tqdm.std.time", clock)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def stream(request, monkeypatch):
    found = getattr(request, "param", io.StringIO)()
    monkeypatch.setattr(sys, "__stderr__", found)
    return found


def work(clock, seconds, **options):
    with progress.bar(10, unit="track", about="recording", **options) as bar:
        for _ in range(10):
            clock.now += seconds / 10
            bar.update()


def test_a_file_gets_a_line_every_ten_seconds_and_a_last_one(stream, clock):
    work(clock, 45.0)
    assert stream.getvalue().splitlines() == [
        "recording: 3 of 10 tracks, 0.22 track/s, 00:31 left",
        "recording: 6 of 10 tracks, 0.22 track/s, 00:18 left",
        "recording: 9 of 10 tracks, 0.22 track/s, 00:04 left",
        "recording: 10 of 10 tracks, 0.22 track/s, 00:00 left",
    ]


def test_what_is_soon_over_says_nothing(stream, clock):
    work(clock, 9.0)
    assert stream.getvalue() == ""


def test_a_last_line_is_not_said_twice(stream, clock):
    work(clock, 100.0)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10 and "10 of 10" in lines[-1] and "10 of 10" not in lines[-2]


def test_words_beside_the_count_make_no_further_lines(stream, clock):
    with progress.bar(50, unit="track") as bar:
        for _ in range(50):
            clock.now += 0.5
            bar.set_postfix_str("separate")
            bar.update()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3 and lines[0].endswith(" left, separate")


def test_without_lines_a_file_gets_nothing(stream, clock):
    work(clock, 45.0, lines=False)
    assert stream.getvalue() == ""


def test_what_is_hidden_says_nothing(stream, clock):
    with progress.hidden():
        work(clock, 45.0)
    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [Terminal], indirect=True)
def test_a_terminal_gets_one_bar_with_rate_and_time_left(stream, clock):
    work(clock, 45.0)
    shown = stream.getvalue()
    assert shown.count("\n") == 1 and shown.count("\r") > 9
    assert re.search(r"recording: +50%.{12,} 5/10 \[00:22<00:22, +4.50s/ track\]", shown)


def test_on_progress_moves_the_bar(stream, clock):
    with progress.shown(10, unit="track", about="recording") as on_progress:
        for step in range(1, 11):
            clock.now += 4.5
            on_progress("score", step / 10)
    assert "10 of 10 tracks" in stream.getvalue().splitlines()[-1]


def test_no_stream_at_all(monkeypatch, clock):
    monkeypatch.setattr(sys, "__stderr__", None)  # as under pythonw
    work(clock, 45.0)


def test_durations():
    assert [progress.duration(s) for s in (7.4, 192, 3792)] == ["00:07", "03:12", "1:03:12"]
