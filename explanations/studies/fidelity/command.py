"""The command of the faithfulness study."""

from __future__ import annotations

import argparse

from explanations.store import TYPES
from explanations.studies.fidelity.page import (
    TITLE,
    area_table,
    draw_curves,
    draw_fidelity,
    fidelity_table,
    read,
    section,
)
from explanations.studies.fidelity.rankings import FORMAT, rate_track
from explanations.studies.results import write_results
from explanations.studies.study import Item, Row, Study, StudyRun
from explanations.studies.subjects import StudyContext, context_arguments, measure_tracks
from recsys.evaluation.reports import write_csv


def measure(item: Item, *, context: StudyContext) -> list[Row]:
    """Measure all types of one track."""
    track = context.tables(item["user_name"], item["track_id"])
    identity = {name: item[name] for name in ("user_name", "track_id")}
    return [row for kind in TYPES for row in rate_track(track, kind, identity)]


def _add_options(parser: argparse.ArgumentParser) -> None:
    context_arguments(parser, num_explanations=50)
    parser.add_argument("--name", default="fidelity", help="of the files that it writes")


def _run(run: StudyRun) -> None:
    folder, name = run.options.out, run.options.name
    rows, about = measure_tracks(run, measure, {"format": FORMAT})
    parts = {
        part: rows[rows["part"] == part].dropna(axis=1, how="all").drop(columns="part")
        for part in ("explanation", "curve")
    }
    write_csv(folder / f"{name}_curves.csv", parts["curve"].round(5))
    write_results(folder, name, parts["explanation"], about, digits=5)
    explanations, curves, _ = read(folder, name)  # as rounded: drawn alike whenever it is drawn
    draw_fidelity(explanations, folder / f"{name}.png")
    draw_curves(curves, folder / f"{name}_curves.png")
    print(fidelity_table(explanations).to_string(index=False))
    print(area_table(curves).to_string(index=False))


STUDY = Study(
    name="fidelity",
    title=TITLE,
    description="Fidelity, deletion and insertion curves, agreement of LIME, Shapley and "
    "leave-one-out.",
    add_options=_add_options,
    run=_run,
    section=section,
    quick=(("--tracks", "any", "--num_explanations", "2", "--n_temporal_segments", "2"),),
)
