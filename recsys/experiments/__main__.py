"""Run `python -m recsys.experiments`."""

import sys

from recsys.experiments.command import main

sys.exit(main())
