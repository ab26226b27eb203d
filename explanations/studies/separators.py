"""Separators: what does it cost an explanation that stems are not the true ones.

    python -m explanations.studies.separators --user_name marko --num_explanations 12

The same tracks are explained (Source) with the demo band's true stems and with those that each
separator makes of the mix. Separators have different stems, so weights are compared after they
are summed to the stems that both have: with `hybrid` and `dsp` vocals, drums, bass and other
(piano and other together), with Spleeter vocals and accompaniment. Beside the agreement stand
the fidelity, the seconds, and how well each separator's stems are separated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from explanations.stems import NAMES
from explanations.store import TYPES
from explanations.studies import separators_page
from explanations.studies.separators_work import compare, explain_with
from explanations.studies.study import Item, Row, arguments_of, write_results
from explanations.studies.subjects import Bench, bench_arguments, measure_tracks
from lemons_utils import ParameterError, command

NAME = separators_page.STUDY
TITLE = separators_page.TITLE
section = separators_page.section
ORDER = 50
FULL = (("--tracks", "any"),)
QUICK = (("--tracks", "any", "--num_explanations", "1"),)

TRUTH = "truth"
SEPARATORS = ("hybrid", "spleeter:2stems", "dsp")


def measure(item: Item, *, bench: Bench) -> list[Row]:
    """Explain one track with all stems, and compare each two explanations."""
    track_id, user_name = item["track_id"], item["user_name"]
    found = {
        name: explain_with(replace(bench, separator=name), user_name, track_id, item["type"])
        for name in item["separators"]
    }
    who = {"user_name": user_name, "track_id": track_id, "type": item["type"]}
    reference = item["separators"][0]
    return [who | compare(found[reference], one) for one in found.values()]


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    settings = {"type": options.type, "separators": [options.reference, *options.separators]}
    rows, about = measure_tracks(
        NAME, measure, options, arguments, settings=settings,
        reference=options.reference, type=options.type,
    )  # fmt: skip
    write_results(options.out, options.name, rows, about, digits=5)
    separators_page.draw(rows, options.reference, options.out / f"{options.name}.png")
    print(separators_page.agreement_table(rows, options.reference).to_string(index=False))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m explanations.studies.{NAME}",
        description="The same explanations with true stems and with separated ones.",
    )
    bench_arguments(parser, num_explanations=12)
    parser.add_argument("--type", choices=TYPES, default="source")
    parser.add_argument("--reference", choices=NAMES, default=TRUTH,
                        help="whose stems the others are compared with")  # fmt: skip
    parser.add_argument("--separators", nargs="+", choices=NAMES, default=[*SEPARATORS])
    parser.add_argument("--name", default=NAME, help="of the files that it writes")
    options = arguments_of(parser).parse_args(arguments)
    if options.separator:
        raise ParameterError("name the separators with --separators, and --reference")
    if options.type == "time":
        raise ParameterError("a Time explanation has no stems: choose source or time_source")
    return options


if __name__ == "__main__":
    sys.exit(main())
