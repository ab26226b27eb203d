"""Stability: how much an explanation changes when it is made again.

    python -m explanations.studies.stability --user_name marko --num_samples 512 1024 2048 4096
        --repeat 5 --k 3 --num_explanations 50 --n_temporal_segments 5

The published experiment: explain each track several times from freshly drawn masks, take the k
components of largest weight each time, and count the different ones among them, U_n: k at best.
Beside it what sampling cannot show: the exact weights of all masks, how often the sampled top k
are the true ones, and how well sampled weights keep their order. The engine answers the sampled
masks exactly, so only the sampling varies.
"""

from __future__ import annotations

import argparse

from audiolime.components import KINDS
from explanations.studies.results import write_results
from explanations.studies.stability.measuring import measure
from explanations.studies.stability.page import TITLE, draw, section, summary
from explanations.studies.study import Study, StudyRun
from explanations.studies.subjects import context_arguments, measure_tracks


def _add_options(parser: argparse.ArgumentParser) -> None:
    context_arguments(parser, num_explanations=50)
    parser.add_argument("--type", choices=KINDS, default="time_source",
                        help="what explanations weigh (%(default)s)")  # fmt: skip
    parser.add_argument("--num_samples", nargs="+", type=int, default=[512, 1024, 2048, 4096],
                        metavar="N", help="masks that an explanation draws")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=5, help="explanations of each track")
    parser.add_argument("--k", type=int, default=3, help="components at the top")
    parser.add_argument("--name", default="stability", help="of the files that it writes")


def _run(run: StudyRun) -> None:
    options = run.options
    run.require_positive("repeat", "k", "num_samples")
    settings = {name: getattr(options, name) for name in ("type", "num_samples", "repeat", "k")}
    rows, about = measure_tracks(run, measure, settings, k=options.k, repeat=options.repeat)
    write_results(options.out, options.name, rows, about)
    draw(rows, options.k, options.out / f"{options.name}.png")
    print(summary(rows, options.k).to_string(index=False))


STUDY = Study(
    name="stability",
    title=TITLE,
    description="How much do explanations from sampled masks change when made again?",
    add_options=_add_options,
    run=_run,
    section=section,
    full=(("--num_samples", "512", "1024", "2048", "4096", "131072"),),
    quick=(
        ("--num_samples", "128", "512", "--repeat", "3", "--tracks", "any",
         "--num_explanations", "2", "--n_temporal_segments", "2"),
    ),
)  # fmt: skip
