"""The campaign of faults: `python -m tests.faults.campaign`, or `make faults`.

Tries kills, full and read-only disks, commands that run twice at once, changed bits, fuzzed and
strange files, and writes how often each was tried and what came of it into `docs/reliability.md`.
Killed and started again, it goes on, for the same commit. Exit code 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lemons_journal import Journal
from lemons_versions import git_commit
from tests.faults import processes

PAGE = Path("docs") / "reliability.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Item:
    """Something to try.

    Parameters
    ----------
    kind : str
        The row of the table.
    name : str
        The command or the reader.
    number : int
        A seed, or a call.
    place : float
        Where in the campaign it comes, from 0 to 1: a campaign that is ended early has tried a bit
        of everything.
    """

    kind: str
    name: str
    number: int
    place: float

    @property
    def key(self) -> str:
        """The item's name in the journal."""
        return f"{self.kind}/{self.name}/{self.number}"


@dataclass(frozen=True)
class Extent:
    """How much is tried of each kind, for each command or reader."""

    moments: int = 50
    calls: int = 10
    storage: int = 4
    twice: int = 4
    flips: int = 1_000
    fuzzes: int = 67_000
    audio: int = 300
    plays: int = 100
    block: int = 500  # reads of one item


QUICK = Extent(moments=0, calls=1, storage=1, twice=0, flips=0, fuzzes=0, audio=28, plays=20)
"""For the tests of every change, which damage the files that are read by themselves."""


def items(extent: Extent, calls: dict[str, int], readers: list[str]) -> Iterator[Item]:
    """Yield all that is to be tried."""

    def spread(kind: str, name: str, numbers: list[int]) -> Iterator[Item]:
        for position, number in enumerate(numbers):
            yield Item(kind, name, number, position / max(len(numbers), 1))

    for order, (name, count) in enumerate(calls.items()):
        yield from spread("killed at a moment", name, list(range(extent.moments)))
        if count:
            yield from spread("killed at a call", name, some_calls(count, extent.calls, order))
            kinds = ("no room", "read-only")
            for kind in kinds if extent.storage > 1 else kinds[order % 2 :][:1]:
                calls_of = some_calls(count, extent.storage, order + 5 * len(kind))
                yield from spread(kind, name, calls_of)
        yield from spread("twice at once", name, list(range(extent.twice)))
    for name in readers:
        for kind, count in (("bit changed", extent.flips), ("fuzzed", extent.fuzzes)):
            yield from spread(kind, name, list(range(0, count, extent.block)))
    yield from spread("strange audio", "decode", list(range(extent.audio)))
    yield from spread("strange plays", "listening", list(range(extent.plays)))


def some_calls(count: int, wanted: int, order: int) -> list[int]:
    """Choose calls, spread evenly; a single one differs from command to command."""
    if wanted >= count:
        return list(range(1, count + 1))
    shift = (order * 0.37) % 1 if wanted == 1 else 0.5
    return sorted({1 + int((number + shift) * count / wanted) for number in range(wanted)})


class Campaign:
    """Tries items and keeps what came of them.

    Parameters
    ----------
    folder : Path
        For the data of commands and the journal.
    extent : Extent
    commands : list of str
        The names of the commands that are tried.
    """

    def __init__(self, folder: Path, extent: Extent, commands: list[str]) -> None:
        from recsys.catalogue import Catalogue
        from tests.faults import trials
        from tests.faults.commands import Worlds
        from tests.faults.readers import all_readers

        self.trials, self.extent = trials, extent
        self.worlds = Worlds(folder / "worlds")
        for name in commands:
            self.worlds.prepare(name)
        self.readers = all_readers(folder / "readers")
        self.strange = folder / "strange"
        self.strange.mkdir(exist_ok=True)
        # A copy: splits are written into it, and commands begin with the original.
        own = shutil.copytree(self.worlds.folder / "base", folder / "plays")
        self.catalogue = Catalogue("tiny", own / "catalogues" / "tiny")
        calls = {name: self.worlds.calls[name] for name in commands}
        self.items = sorted(items(extent, calls, list(self.readers)), key=lambda item: item.place)

    def attempt(self, item: Item) -> dict[str, object]:
        """Try one item; return the record of what came of it."""
        by_command: dict[str, Callable[..., object]] = {
            "killed at a moment": self.trials.kill_at_moment,
            "killed at a call": self.trials.kill_at_call,
            "no room": self.trials.no_room,
            "read-only": self.trials.read_only,
            "twice at once": self.trials.twice_at_once,
        }
        block = range(item.number, item.number + self.extent.block)
        if item.kind in by_command:
            trial = by_command[item.kind](self.worlds, item.name, item.number)
        elif item.kind == "bit changed":
            trial = self.trials.flipped(self.readers[item.name], block)
        elif item.kind == "fuzzed":
            trial = self.trials.fuzzed(self.readers[item.name], block)
        elif item.kind == "strange audio":
            trial = self.trials.strange_audio(self.strange, item.number)
        else:
            trial = self.trials.strange_plays(self.strange, self.catalogue, item.number)
        return {
            "key": item.key,
            "kind": item.kind,
            "outcomes": dict(trial.outcomes),
            "note": trial.note,
        }


def table(records: list[dict[str, object]]) -> str:
    """Return the table of what was tried, as Markdown."""
    counts: dict[str, Counter[str]] = {}
    for record in records:
        counts.setdefault(str(record["kind"]), Counter()).update(record["outcomes"])
    lines = ["| tried | times | what came of it |", "|---|---|---|"]
    for kind, outcomes in counts.items():
        beside = {"killed", "left-over files"}
        times = sum(count for outcome, count in outcomes.items() if outcome not in beside)
        texts = [f"{count:,} {outcome}" for outcome, count in outcomes.most_common()]
        lines.append(f"| {kind} | {times:,} | {', '.join(texts)} |")
    return "\n".join(lines)


def write_page(text: str) -> None:
    """Put the figures into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="for what is done, to go on from")
    parser.add_argument("--minutes", type=float, default=60.0, help="end then (default: 60)")
    parser.add_argument("--quick", action="store_true", help="a slice, without the page")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--job", type=int, help=argparse.SUPPRESS)  # which of them this one is
    options = parser.parse_args()
    folder = (options.folder or Path(tempfile.gettempdir()) / "lemons-faults").resolve()
    if options.job is None and not options.quick:
        return _together(folder, options)
    processes.preloaded(folder)
    from tests.faults.commands import COMMANDS
    from tests.faults.trials import warm_up

    warm_up()
    end, commit = time.monotonic() + 60 * options.minutes, git_commit() or "unknown"
    slow = {"experiment, published"}
    names = [name for name in COMMANDS if not options.quick or name not in slow]
    with tempfile.TemporaryDirectory(dir=folder if folder.is_dir() else None) as place:
        campaign = Campaign(Path(place), QUICK if options.quick else Extent(), names)
        if options.quick:
            found = [_tried(campaign, item) for item in campaign.items]
            print(f"{table(found)}\n\n{len(found)} items at commit {commit}")
            return _status(found)
        known = {record["key"] for record in _records(folder, commit)}
        journal = Journal(folder / f"journal-{options.job}.jsonl", _about(commit))
        for item in campaign.items[options.job :: options.jobs]:
            if item.key not in known and time.monotonic() < end:
                journal.append(_tried(campaign, item) | {"of": len(campaign.items)})
    return 0


def _tried(campaign: Campaign, item: Item) -> dict[str, object]:
    """Try an item, and print what is to be known of it."""
    record = campaign.attempt(item)
    if record["note"]:
        print(f"{item.key}: {record['outcomes']}: {record['note']}", flush=True)
    return record


def _together(folder: Path, options: argparse.Namespace) -> int:
    """Share the items among processes, and write what all have found into the page."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.campaign"]
    command += ["--folder", str(folder), "--minutes", str(options.minutes)]
    command += ["--jobs", str(options.jobs), "--job"]
    running = [subprocess.Popen([*command, str(job)]) for job in range(options.jobs)]
    if any([process.wait() for process in running]):
        return 1
    commit = git_commit() or "unknown"
    found = list(_records(folder, commit))
    share = f"{len(found):,} of {found[0]['of'] if found else 0:,} items"
    print(f"{table(found)}\n\n{share} at commit {commit}")
    write_page(f"Commit {commit[:12]}, {share}:\n\n{table(found)}")
    return _status(found)


def _about(commit: str) -> dict[str, str]:
    return {"commit": commit, "extent": str(Extent())}


def _records(folder: Path, commit: str) -> Iterator[dict[str, object]]:
    """Read what all processes have found at a commit."""
    for path in sorted(folder.glob("journal-*.jsonl")):
        yield from Journal(path, _about(commit)).records()


def _status(found: list[dict[str, object]]) -> int:
    from tests.faults.trials import BAD

    return int(any(outcome in BAD for each in found for outcome in each["outcomes"]))


if __name__ == "__main__":
    sys.exit(main())
