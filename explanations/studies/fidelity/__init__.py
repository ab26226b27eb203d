"""Faithfulness: how well explanations describe what the model does.

    python -m explanations.studies.fidelity --user_name marko --num_explanations 50

Three questions. Fidelity: for how much of the model's relevance over all masks does the linear
model account? Deletion and insertion: does relevance fall, or rise, faster where components go or
come in the order of their weights than in random or reversed order? Agreement: do LIME, Shapley
and leave-one-out rank components alike? Everything is exact, from the tracks' tables.
"""

from __future__ import annotations

import argparse

from explanations.studies.fidelity import page
from explanations.studies.fidelity.rankings import FORMAT, measure
from explanations.studies.measures import part_of
from explanations.studies.results import write_results
from explanations.studies.study import Study, StudyRun
from explanations.studies.subjects import context_arguments, measure_tracks
from lemons_utils import write_csv


def _add_options(parser: argparse.ArgumentParser) -> None:
    context_arguments(parser, num_explanations=50)
    parser.add_argument("--name", default="fidelity", help="of the files that it writes")


def _run(run: StudyRun) -> None:
    folder, name = run.options.out, run.options.name
    rows, about = measure_tracks(run, measure, {"format": FORMAT})
    parts = {part: part_of(rows, part).drop(columns="part") for part in ("explanation", "curve")}
    write_csv(folder / f"{name}_curves.csv", parts["curve"].round(5))
    write_results(folder, name, parts["explanation"], about, digits=5)
    explanations, curves, _ = page.read(
        folder, name
    )  # as rounded: drawn alike whenever it is drawn
    page.draw_fidelity(explanations, folder / f"{name}.png")
    page.draw_curves(curves, folder / f"{name}_curves.png")
    print(page.fidelity_table(explanations).to_string(index=False))
    print(page.area_table(curves).to_string(index=False))


STUDY = Study(
    name="fidelity",
    title=page.TITLE,
    description="Fidelity, deletion and insertion curves, agreement of LIME, Shapley and "
    "leave-one-out.",
    add_options=_add_options,
    run=_run,
    section=page.section,
    quick=(("--tracks", "any", "--num_explanations", "2", "--n_temporal_segments", "2"),),
)
