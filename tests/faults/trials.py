"""One trial of each kind: a fault, what came of it, and whether that is as promised."""

from __future__ import annotations

import contextlib
import importlib
import io
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lemons_audio import read_audio
from lemons_utils import DataError, ParameterError
from recsys.catalogue import Catalogue
from recsys.ingest.decoding import Excerpt, decode
from tests.faults import strange
from tests.faults.commands import COMMANDS, Worlds, left_over, snapshot
from tests.faults.damage import damaged, flip, random_edits
from tests.faults.processes import FULL, KILL, READ_ONLY, Ended, Fault, command, finish, run, start
from tests.faults.readers import Reader

MOST_BYTES, MOST_S = 2 << 30, 60.0
"""What a strange file may cost."""

_LIBRARIES = ("duckdb", "filelock", "joblib", "scipy.signal", "sklearn.linear_model", "soundfile")

BAD = ("different", "silent", "traceback", "wrong", "costly")
"""Outcomes that break a promise."""


@dataclass(frozen=True)
class Trial:
    """What came of something that was tried, how often each, and the first that went wrong."""

    outcomes: Mapping[str, int]
    note: str = ""
    seconds: float = field(default=0.0, compare=False)


def _one(outcome: str, note: str = "") -> Trial:
    return Trial({outcome: 1}, note[-1500:] if outcome in BAD else "")


# -- commands ------------------------------------------------------------------------------------
def kill_at_moment(worlds: Worlds, name: str, seed: int) -> Trial:
    """Kill a command at a random moment, run it again, compare."""
    share = float(np.random.default_rng(seed).random())
    home = worlds.fresh(name)
    ended = run(COMMANDS[name].work(home), home, kill_after_s=share * worlds.seconds[name])
    return _again(worlds, name, home, ended, killed=ended.code == -9)


def kill_at_call(worlds: Worlds, name: str, call: int) -> Trial:
    """Kill a command at a call that changes files, run it again, compare."""
    home = worlds.fresh(name)
    ended = run(COMMANDS[name].work(home), home, fault=Fault(KILL, call))
    return _again(worlds, name, home, ended, killed=ended.code == -9)


def no_room(worlds: Worlds, name: str, call: int) -> Trial:
    """Let the disk be full from a call on; then, with room, run the command again."""
    return _storage(worlds, name, Fault(FULL, call))


def read_only(worlds: Worlds, name: str, call: int) -> Trial:
    """Let nothing be written from a call on; then run the command again."""
    return _storage(worlds, name, Fault(READ_ONLY, call))


def _storage(worlds: Worlds, name: str, fault: Fault) -> Trial:
    home = worlds.fresh(name)
    ended = run(COMMANDS[name].work(home), home, fault=fault)
    if not ended.is_clean:
        return _one("traceback", f"exit {ended.code}: {ended.text}")
    if ended.code == 0 and snapshot(home) != worlds.expected[name]:
        return _one("silent", f"exit code 0, but {_difference(worlds, name, home)}\n{ended.text}")
    return _again(worlds, name, home, ended, killed=False)


def twice_at_once(worlds: Worlds, name: str, seed: int) -> Trial:
    """Run a command twice at the same time, then again if one was refused; compare."""
    home = worlds.fresh(name)
    outputs = [home.with_name(f"{home.name}-{number}.txt") for number in (1, 2)]
    started, fault = time.perf_counter(), Fault(0)
    work = COMMANDS[name].work(home)
    processes = []
    for number, output in enumerate(outputs):
        time.sleep(number * (seed % 5) * 0.02)
        processes.append(start(work, home, output, fault))
    both = [
        finish(process, output, started) for process, output in zip(processes, outputs, strict=True)
    ]
    for ended in both:
        if not ended.is_clean:
            return _one("traceback", ended.text)
    if all(ended.code == 0 for ended in both) and snapshot(home) != worlds.expected[name]:
        return _one("different", _difference(worlds, name, home))
    return _again(worlds, name, home, both[0], killed=False)


def _again(worlds: Worlds, name: str, home: Path, first: Ended, *, killed: bool) -> Trial:
    """Run a command again without a fault, and compare what it leaves."""
    second = run(COMMANDS[name].work(home), home)
    if second.code:
        what = "traceback" if "Traceback" in second.text else "different"
        return _one(what, f"{second.text}\nbefore: {first.text[-500:]}")
    if snapshot(home) != worlds.expected[name]:
        return _one("different", _difference(worlds, name, home))
    outcomes = {"equal": 1, "killed": int(killed), "left-over files": left_over(home)}
    return Trial({outcome: count for outcome, count in outcomes.items() if count})


def _difference(worlds: Worlds, name: str, home: Path) -> str:
    expected, found = worlds.expected[name], snapshot(home)
    places = [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
    return f"{len(places)} files differ: {', '.join(sorted(places)[:5])}"


# -- files that are read ---------------------------------------------------------------------------
def flipped(reader: Reader, seeds: range) -> Trial:
    """Change one bit of a file, again and again; read it."""
    return _read_damaged(reader, seeds, flip, strict=reader.checked)


def fuzzed(reader: Reader, seeds: range) -> Trial:
    """Damage a file, again and again; read it."""

    def damage(content: bytes, rng: np.random.Generator) -> bytes:
        return damaged(content, random_edits(rng))

    return _read_damaged(reader, seeds, damage, strict=False)


def _read_damaged(
    reader: Reader,
    seeds: range,
    damage: Callable[[bytes, np.random.Generator], bytes],
    *,
    strict: bool,
) -> Trial:
    whole, expected = reader.path.read_bytes(), reader.plain()
    outcomes, note = Counter[str](), ""
    try:
        for seed in seeds:
            reader.path.write_bytes(damage(whole, np.random.default_rng(seed)))
            outcome, text = read_once(reader, expected, strict=strict)
            outcomes[outcome] += 1
            note = note or (f"seed {seed}: {text}" if outcome in BAD else "")
    finally:
        reader.path.write_bytes(whole)
    return Trial(dict(outcomes), note[:1500])


def read_once(reader: Reader, expected: str, *, strict: bool) -> tuple[str, str]:
    """Read a damaged file; return what came of it."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            found = reader.plain()
    except (DataError, ParameterError) as error:
        return ("traceback", str(error)) if "\n" in str(error) else ("refused", "")
    except Exception as error:
        return "traceback", f"{type(error).__name__}: {error}"
    if found == expected:
        return "as it was", ""
    if found == "null":
        return "not taken", ""
    return ("wrong", found[:200]) if strict else ("other content", "")


# -- strange files -------------------------------------------------------------------------------
def strange_audio(folder: Path, seed: int) -> Trial:
    """Decode a strange file as ingest and as `explain` do."""
    path = strange.audio_file(folder, seed)

    def work() -> int:
        try:
            decode(path, Excerpt(30.0, "centre"))
            read_audio(path)
        except (DataError, ParameterError) as error:
            print(f"error: {error}")
            return 2
        return 0

    return _judge(run(work, folder, output=folder / f"{seed}.txt"), path)


def strange_plays(folder: Path, catalogue: Catalogue, seed: int) -> Trial:
    """Make splits of a strange table of plays."""
    path = strange.plays_file(folder, catalogue.track_ids, seed)
    home = catalogue.folder.parents[1]
    work = command("recsys.listening.command", [str(path), "--catalogue", catalogue.name], home)
    return _judge(run(work, folder, output=folder / f"{seed}.txt"), path)


def _judge(ended: Ended, path: Path) -> Trial:
    if not ended.is_clean:
        return _one("traceback", f"{path.name}: exit {ended.code}: {ended.text}")
    if ended.peak_bytes > MOST_BYTES or ended.seconds > MOST_S:
        cost = f"{ended.peak_bytes / 2**30:.1f} GiB, {ended.seconds:.0f} s"
        return _one("costly", f"{path.name}: {cost}")
    return _one("read" if ended.code == 0 else "refused")


def warm_up() -> None:
    """Import all that commands import, so that the processes forked from this one need not."""
    for name in (*(each.module for each in COMMANDS.values()), *_LIBRARIES):
        importlib.import_module(name)
