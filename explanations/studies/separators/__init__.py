"""Separators: what imperfect stems cost an explanation.

    python -m explanations.studies.separators --user_name marko --num_explanations 12

The same tracks are explained (Source) with the demo band's true stems and with those that each
separator makes of the mix. Separators have different stems, so weights are compared after they
are summed to the stems that both have: with `hybrid` and `dsp` vocals, drums, bass and other
(piano and other together), with Spleeter vocals and accompaniment. Beside the agreement stand
the fidelity, the seconds, and how well each separator's stems are separated.
"""

from __future__ import annotations

import argparse

from audiolime.components import KINDS, OF_STEMS
from explanations.stems import NAMES
from explanations.studies.results import write_results
from explanations.studies.separators.measuring import SEPARATORS, measure
from explanations.studies.separators.page import TITLE, agreement_table, draw, section
from explanations.studies.study import Study, StudyRun
from explanations.studies.subjects import context_arguments, measure_tracks
from lemons_utils import ParameterError


def _add_options(parser: argparse.ArgumentParser) -> None:
    context_arguments(parser, num_explanations=12)
    parser.add_argument("--type", choices=KINDS, default="source",
                        help="what explanations weigh (%(default)s)")  # fmt: skip
    parser.add_argument("--reference", choices=NAMES, default="truth",
                        help="whose stems the others are compared with")  # fmt: skip
    parser.add_argument("--separators", nargs="+", choices=NAMES, default=[*SEPARATORS],
                        help="those that are compared (%(default)s)")  # fmt: skip
    parser.add_argument("--name", default="separators", help="of the files that it writes")


def _run(run: StudyRun) -> None:
    options = run.options
    if options.separator:
        raise ParameterError("name the separators with --separators, and --reference")
    if options.type not in OF_STEMS:
        raise ParameterError("a Time explanation has no stems: choose source or time_source")
    settings = {"type": options.type, "separators": [options.reference, *options.separators]}
    rows, about = measure_tracks(
        run, measure, settings, reference=options.reference, type=options.type
    )
    write_results(options.out, options.name, rows, about, digits=5)
    draw(rows, options.reference, options.out / f"{options.name}.png")
    print(agreement_table(rows, options.reference).to_string(index=False))


STUDY = Study(
    name="separators",
    title=TITLE,
    description="The same explanations with true stems and with separated ones.",
    add_options=_add_options,
    run=_run,
    section=section,
    full=(("--tracks", "any"),),
    quick=(("--tracks", "any", "--num_explanations", "1"),),
)
