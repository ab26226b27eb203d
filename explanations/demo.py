"""`make demo`, or `lemons-demo`: compose the demo catalogue, train seven listeners, open the app.

    python -m explanations.demo

Only what is missing is made, so that a second run takes seconds and an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from explanations import first_page
from lemons_utils import command
from recsys.demo import build


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m explanations.demo",
        description="Compose the demo catalogue, train and evaluate its seven listeners, prepare "
        "the first page; on a terminal, start the demo app.",
    )
    cores = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=cores, help="trainings at a time (%(default)s)")
    jobs = str(parser.parse_args(arguments).jobs)
    return build.main(["--jobs", jobs]) or first_page.main([])


if __name__ == "__main__":
    sys.exit(main())
