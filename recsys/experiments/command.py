"""List experiments, compare their learning curves, change which one of a listener is current.

python -m recsys.experiments
python -m recsys.experiments --catalogue demo
python -m recsys.experiments use 2026-01-02_03-04-05-demo-marko
python -m recsys.experiments compare FOLDER FOLDER --metric valid/map --out curves.png
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from lemons_places import typed_path
from lemons_utils import DataError, command, configuration
from recsys.experiments.current import make_current, pick_current, read_record
from recsys.experiments.curves import compare
from recsys.experiments.listing import ListedExperiment, list_experiments

_HEADS = ("", "listener", "folder", "time (UTC)", "epochs", "AUC", "MAP", "recipe", "")


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options, experiments = _parse(arguments), configuration().experiments
    if options.action == "use":
        print(make_current(_folder(options.folder, experiments)))
        return
    if options.action == "compare":
        folders = [_folder(name, experiments) for name in options.folders]
        print(*compare(folders, options.metric, options.out), sep="\n")
        return
    listed = list_experiments(experiments, catalogue=options.catalogue)
    if not listed:
        of = f" of catalogue {options.catalogue}" if options.catalogue else ""
        raise DataError(
            f"there is no experiment{of} in {experiments}: `python -m recsys.experiment with "
            f"catalogue={options.catalogue or 'demo'} user_name=NAME` trains a listener"
        )
    for catalogue, group in groupby(sorted(listed, key=_catalogue), key=_catalogue):
        print(f"catalogue {catalogue}", *_lines(list(group), experiments), "", sep="\n")
    print(
        "* the listener's current experiment, which everything loads; AUC and MAP are those of the "
        "validation\n`python -m recsys.experiments use FOLDER` makes another one current"
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.experiments",
        description="List experiments, compare them, change which one of a listener is current.",
    )
    parser.add_argument("--catalogue", metavar="NAME", help="list this one (default: all)")
    actions = parser.add_subparsers(dest="action")
    use = actions.add_parser(
        "use",
        help="make an experiment the current one of its listener",
        description="Make an experiment the current one of its listener.",
    )
    use.add_argument("folder", metavar="FOLDER", help="its folder, or the name of that")
    compare = actions.add_parser(
        "compare",
        help="print and draw learning curves side by side",
        description="Print a metric of several trainings by epoch, side by side.",
    )
    compare.add_argument("folders", metavar="FOLDER", nargs="+", help="as for `use`")
    compare.add_argument("--metric", default="valid/auc", help="(default: %(default)s)")
    compare.add_argument(
        "--out", metavar="PATH", type=typed_path, help="draw them, e.g. curves.png"
    )
    return parser.parse_args(arguments)


def _folder(name: str, experiments: Path) -> Path:
    """Return an experiment's folder, named by its path or by its name under `experiments`."""
    path = Path(name).expanduser().resolve()
    return path if path.is_dir() else experiments / name


def _catalogue(experiment: ListedExperiment) -> str:
    return experiment.catalogue


def _lines(listed: list[ListedExperiment], experiments: Path) -> Iterator[str]:
    """Yield the table of a catalogue's experiments, then remarks on those that are current."""
    record = read_record(experiments, listed[0].catalogue)
    rows: list[tuple[str, ...]] = [_HEADS]
    remarks = []
    for user_name in sorted({each.user_name for each in listed}):
        of_listener = [each for each in listed if each.user_name == user_name]
        found = pick_current(of_listener, record.get(user_name))
        for each in reversed(of_listener):
            rows.append(_row(each, is_current=found is not None and each is found[0]))
        if found is None:
            remarks.append(f"{user_name}: no training has ended, so there is no model")
        elif found[1] != "current":
            remarks.append(f"{user_name}: {found[0].name} is {found[1]}")
    empty = [not any(row[column] for row in rows[1:]) for column in range(len(_HEADS))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, empty, strict=True)
        yield "  ".join(cell.ljust(width) for cell, width, skip in cells if not skip).rstrip()
    yield from remarks


def _row(each: ListedExperiment, *, is_current: bool) -> tuple[str, ...]:
    numbers = ["" if value is None else f"{value:.3f}" for value in (each.auc, each.map)]
    return (
        "*" if is_current else " ",
        each.user_name,
        each.name,
        f"{each.time:%Y-%m-%d %H:%M:%S}",
        _epochs(each),
        *numbers,
        each.recipe,
        "" if each.finished else "not finished",
    )


def _epochs(each: ListedExperiment) -> str:
    trained, planned = str(each.epochs or ""), each.options.get("n_epochs")
    return trained if each.finished or planned is None else f"{trained or 0} of {planned}"
