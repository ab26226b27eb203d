"""Sanity: whether explanations depend on what the model has learned.

    python -m explanations.studies.sanity --user_name marko --num_explanations 5

Two tests that an explanation passes if it changes. Layers at random: from the top down, ever
more layers lose what they have learned; the weights (of all masks, of the logit) must not stay as
they were. Shuffled labels: heads on local statistics are fitted to two halves of the training
tracks. Those that learn from labels in random order know nothing, so the two should have nothing
in common in what they explain, while the two of the true labels should agree.
"""

from __future__ import annotations

import argparse

import pandas as pd

from audiolime.components import KINDS
from explanations.studies.measures import seed_of
from explanations.studies.results import write_results
from explanations.studies.sanity.measuring import (
    measure_labels,
    measure_layers,
    measure_model,
    variants,
)
from explanations.studies.sanity.page import TITLE, draw, label_table, layer_table, section
from explanations.studies.sanity.randomised import CASCADE
from explanations.studies.study import Study, StudyRun
from explanations.studies.subjects import StudyContext, context_arguments, context_of
from lemons_utils import ParameterError, write_csv
from recsys.listening import PUBLISHED_SEED, split_path


def _add_options(parser: argparse.ArgumentParser) -> None:
    context_arguments(parser, num_explanations=10, tracks="unseen")
    parser.add_argument("--depths", nargs="+", type=int, choices=range(1, len(CASCADE) + 1),
                        default=[], help="how many layers to set at random, from the top; by "
                        "default every number that a model has")  # fmt: skip
    parser.add_argument("--type", choices=KINDS, default="time_source",
                        help="what explanations weigh (%(default)s)")  # fmt: skip
    parser.add_argument("--name", default="sanity", help="of the files that it writes")


def _run(run: StudyRun) -> None:
    options = run.options
    if (options.trained_on or options.catalogue) != options.catalogue:
        raise ParameterError("sanity trains models itself: explain the catalogue they learn from")
    context, names = context_of(options, run.cache)
    splits = {name: _split_seed(context, name) for name in names}
    layers = context.items(names, options, type=options.type, depths=options.depths)
    models = [
        {
            "catalogue": options.catalogue,
            "user_name": name,
            "labels": variant.labels,
            "half": variant.half,
            "split": splits[name],
        }
        for name in names
        for variant in variants(name)
    ]
    pairs = [
        item
        for name in names
        for item in context.items([name], options, type=options.type, split=splits[name])
    ]
    layer_rows = run.measure(layers, measure_layers, context, part="_layers")
    model_rows = run.measure(models, measure_model, context, part="_models")
    pair_rows = run.measure(pairs, measure_labels, context, part="_labels")
    about = run.facts(
        context.checksums(names),
        catalogue=options.catalogue,
        type=options.type,
        n_segments=options.n_temporal_segments,
    )
    write_csv(
        options.out / f"{options.name}_labels.csv", pd.concat([model_rows, pair_rows]).round(5)
    )
    write_results(options.out, options.name, layer_rows, about, digits=5)
    draw(layer_rows, options.out / f"{options.name}.png")
    print(layer_table(layer_rows).to_string(index=False))
    print(label_table(pair_rows).to_string(index=False))


def _split_seed(context: StudyContext, user_name: str) -> int:
    """Tell splits apart: models of another split are trained anew."""
    return seed_of(
        split_path(context.catalogue, user_name, PUBLISHED_SEED).read_text(encoding="utf-8")
    )


STUDY = Study(
    name="sanity",
    title=TITLE,
    description="Do explanations change when the model forgets, or learns noise?",
    add_options=_add_options,
    run=_run,
    section=section,
    full=(
        ("--num_explanations", "10"),
        ("--type", "time", "--n_temporal_segments", "15", "--name", "sanity-time"),
    ),
    quick=(("--type", "time", "--num_explanations", "2"),),
)
