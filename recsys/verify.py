"""Check the files of all commands: `python -m recsys.verify`.

Whatever has a checksum is compared with it: audio arrays, tables of tracks, of relevance and of
coordinates, splits, statistics, models, states of trainings, trunks, stems, stored explanations and
their tables. `--repair` makes damaged or missing audio again where the file of music is still
there, removes what is computed again when it is needed, and removes the half-written files of
commands that were killed.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from lemons_arrays import check_archive
from lemons_audio import audio_checksum
from lemons_jobs import HERE, Workers, add_options, run, workers_of
from lemons_limits import read_json, without_checksum
from lemons_utils import (
    Configuration,
    DataError,
    ParameterError,
    checksum,
    command,
    configuration,
)
from recsys import checkpoint, heads, listening, progress
from recsys.arrays import write_array
from recsys.catalogue import UNFINISHED, Catalogue, array_folder, open_catalogue
from recsys.ingest.decoding import Excerpt, decode
from recsys.ingest.journal import Entry, IngestJournal
from recsys.parquet import check_sealed

LEFT_OVER_S = 24 * 3600.0
"""Age at which a half-written file is of a command that was killed [s]: none writes so long."""

_LEFT_OVER = re.compile(r"\..*\.[0-9a-f]{12}(\.\w+)?")
_Item = tuple[str, int | None]  # a track and its samples, None where it is not listed
_CHUNK = 64  # arrays that a worker checks at a time


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was written.

    Attributes
    ----------
    path : Path
    reason : str
    mend : str
        What to do about it; what has been done where it is repaired.
    repaired : bool
    """

    path: Path
    reason: str
    mend: str
    repaired: bool = False

    def __str__(self) -> str:
        what = "repaired" if self.repaired else "damaged"
        return f"{what}: {self.path}: {'; '.join(filter(None, (self.reason, self.mend)))}"


def verify(
    settings: Configuration,
    catalogues: Sequence[Catalogue],
    *,
    repair: bool = False,
    workers: Workers = HERE,
) -> Iterator[Damage]:
    """Check catalogues, and what belongs to none; yield what is damaged, repair what can be.

    Parameters
    ----------
    settings : Configuration
        Says where experiments, trunks, stems and stored explanations are.
    catalogues : sequence of Catalogue
    repair : bool
    workers : Workers
        Where audio is read.
    """
    for catalogue in catalogues:
        yield from verify_catalogue(catalogue, repair=repair, workers=workers)
    for folder in _folders(settings.experiments):
        yield from _verify_experiment(folder)
    for folder in _folders(settings.experiments.with_name("trunks")):
        path = heads.trunk_path(settings.experiments, folder.name)
        if path.exists():
            again = "make it again with `python -m recsys.trunk --anew`"
            yield from _verify(path, heads.read_trunk, again)
    stored = settings.stored_explanations
    for path, check in (
        *((path, _check_stems) for path in settings.stems.glob("*/[!.]*/stems.json")),
        *((path, _check_explanation) for path in stored.rglob("[!.]*.json")),
        *((path, check_archive) for path in stored.rglob("*tables.npz")),
    ):
        yield from _verify_computed(path, check, repair=repair)
    for folder in (
        *(settings.catalogues, settings.experiments, settings.experiments.with_name("trunks")),
        *(settings.stems, settings.stored_explanations, settings.web_folder),
    ):
        yield from _left_over(folder, repair=repair)


# -- catalogues --------------------------------------------------------------------------------
def verify_catalogue(
    catalogue: Catalogue, *, repair: bool = False, workers: Workers = HERE
) -> Iterator[Damage]:
    """Check the table, audio, splits and statistics of a catalogue; see `verify`."""
    again = "run the command that made the catalogue again"
    listed: dict[str, int] = {}
    try:
        tracks = catalogue.tracks
        listed = dict(zip(tracks["track_id"], tracks["samples"].astype(int), strict=True))
    except (DataError, ParameterError) as error:
        yield Damage(catalogue.folder / "tracks.parquet", str(error), f"remove it, and {again}")
    home = array_folder(catalogue.folder)
    there = {path.stem for path in home.glob("*.npy") if not path.name.startswith(".")}
    track_ids = sorted(there.union(listed))
    sources = _sources(catalogue) if repair else {}
    items = [(track_id, listed.get(track_id)) for track_id in track_ids]
    for track_id, path, reason in _damaged_audio(catalogue, items, workers):
        if entry := _make_again(path, track_id, sources.get(track_id, [])):
            yield Damage(path, reason, f"made again from {entry.file}", repaired=True)
        else:
            yield Damage(path, reason, f"remove it, and {again}")
    for path in sorted((catalogue.folder / "splits").glob("[!.]*.csv")):
        yield from _verify(
            path, functools.partial(_check_split, known=set(track_ids)), "make the split again"
        )
    for kind, check in (
        ("statistics/[!.]*.npz", check_archive),
        ("relevance/[!.]*.parquet", _check_table),
        ("features/[!.]*.parquet", _check_table),
    ):
        for path in sorted(catalogue.folder.glob(kind)):
            yield from _verify_computed(path, check, repair=repair)


def _damaged_audio(
    catalogue: Catalogue, items: Sequence[_Item], workers: Workers
) -> Iterator[tuple[str, Path, str]]:
    """Yield the tracks whose audio is damaged or missing, its path, and what is wrong."""
    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
    bare = Catalogue(catalogue.name, catalogue.folder)  # without the table, for the workers
    with progress.bar(len(items), unit="track", about=catalogue.name) as bar:
        for outcome in run(functools.partial(_damaged_of, bare), chunks, workers):
            yield from outcome.get()
            bar.update(len(chunks[outcome.index]))


def _damaged_of(catalogue: Catalogue, items: Sequence[_Item]) -> list[tuple[str, Path, str]]:
    damaged = []
    for track_id, samples in items:
        path = catalogue.folder / "tracks.parquet"
        try:
            path = catalogue.audio_path(track_id)
            audio = catalogue.audio(track_id)
            if samples is not None and len(audio) != samples:
                raise DataError(f"{path} has {len(audio):,} samples, {samples:,} are listed")
        except (DataError, ParameterError) as error:
            damaged.append((track_id, path, _without(path, error)))
    return damaged


def _sources(catalogue: Catalogue) -> dict[str, list[Entry]]:
    """Return the files of music that ingest has read, by the track that each is."""
    sources: dict[str, list[Entry]] = {}
    if (catalogue.folder / UNFINISHED).is_file():
        for entry in IngestJournal(catalogue.folder / UNFINISHED).entries.values():
            sources.setdefault(entry.track_id, []).append(entry)
    return sources


def _make_again(path: Path, track_id: str, sources: Sequence[Entry]) -> Entry | None:
    """Write a track's audio from the first file that still gives it; return that one, or None."""
    for entry in sources:
        try:
            audio = decode(Path(entry.file), Excerpt.parse(entry.excerpt))
        except (DataError, ValueError, RuntimeError, OSError):  # gone, or another file by now
            continue
        if audio_checksum(audio) == track_id:
            write_array(path, audio)
            return entry
    return None


def _check_split(path: Path, known: set[str]) -> None:
    split = listening.read_split(path)
    if unknown := sorted(set(split["track_id"]) - known):
        raise DataError(f"{path} lists {len(unknown)} unknown tracks, the first is {unknown[0]!r}")


# -- what is computed from other files ---------------------------------------------------------
def _verify_computed(
    path: Path, check: Callable[[Path], object], *, repair: bool
) -> Iterator[Damage]:
    """Check a file that is computed again where it is missing; remove it if it is damaged."""
    for damage in _verify(path, check, "remove it, it is computed again"):
        if repair:
            path.unlink()
            damage = Damage(path, damage.reason, "removed, it is computed again", repaired=True)
        yield damage


def _check_table(path: Path) -> None:
    if not check_sealed(path):
        raise DataError(f"{path} has no checksum")


def _check_explanation(path: Path) -> None:
    without_checksum(read_json(path, dict[str, Any], "explanation"), str(path))


def _check_stems(path: Path) -> None:
    """Compare cached stems with the checksums in their card."""
    for name, digest in read_json(path, _Stems, "card of stems")["files"].items():
        stem = path.with_name(f"{Path(name).name}.flac")
        if not stem.is_file() or checksum(stem) != digest:
            raise DataError(f"{path} has the checksum of another {stem.name}")


class _Stems(TypedDict):
    """The part of a card of stems that is read: the checksum of each stem's file."""

    files: dict[str, str]


# -- experiments -------------------------------------------------------------------------------
def _verify_experiment(folder: Path) -> Iterator[Damage]:
    model, state = folder / checkpoint.BEST_MODEL, folder / checkpoint.LAST_STATE
    damaged_state = list(_verify(state, checkpoint.load_state, "")) if state.exists() else []
    yield from damaged_state
    if model.exists():
        mend = "train the listener again"
        if state.exists() and not damaged_state:
            mend = (
                "write it again from the training's state with `python -m recsys.experiment with "
                f"resume={folder.name}`"
            )
        yield from _verify(model, checkpoint.load_model, mend)


# -- both --------------------------------------------------------------------------------------
def _verify(path: Path, read: Callable[[Path], object], mend: str) -> Iterator[Damage]:
    """Read a file; yield its damage if it cannot be."""
    try:
        read(path)
    except (DataError, ParameterError) as error:
        yield Damage(path, _without(path, error), mend)


def _without(path: Path, error: Exception) -> str:
    """Return a message without the path that it begins with and the command that it ends with."""
    return re.split(r"[:;] `python", str(error).removeprefix(f"{path} "))[0]


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir())


def _left_over(folder: Path, *, repair: bool) -> Iterator[Damage]:
    """Yield the half-written files that killed commands have left below a folder."""
    before = time.time() - LEFT_OVER_S
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names if _LEFT_OVER.fullmatch(name)):
            if path.lstat().st_mtime > before:
                continue
            if repair:
                path.unlink()
            yield Damage(path, "is half-written", "removed" if repair else "remove it", repair)


# -- the command -------------------------------------------------------------------------------
@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m recsys.verify`; 0 if nothing is damaged any more, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m recsys.verify",
        description="Check the files of all commands against their checksums.",
    )
    parser.add_argument("--catalogue", metavar="NAME", help="this catalogue alone")
    parser.add_argument("--repair", action="store_true", help="make again or remove what can be")
    add_options(parser, jobs=1)
    options = parser.parse_args(arguments)
    settings = configuration()
    names = [options.catalogue] if options.catalogue else _catalogue_names(settings)
    catalogues = [open_catalogue(name, data_folder=settings.data_folder) for name in names]
    found, repaired = 0, 0
    for damage in verify(settings, catalogues, repair=options.repair, workers=workers_of(options)):
        print(damage, flush=True)
        found, repaired = found + 1, repaired + damage.repaired
    checked = f"{', '.join(names) or 'no catalogue'}, experiments and explanations"
    result = (
        f"{found} damaged files, {repaired} of them repaired" if found else "nothing is damaged"
    )
    print(f"{checked}: {result}")
    return 1 if found > repaired else 0


def _catalogue_names(settings: Configuration) -> list[str]:
    return [folder.name for folder in _folders(settings.catalogues)]


if __name__ == "__main__":
    sys.exit(main())
