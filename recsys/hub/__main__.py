"""Run `python -m recsys.hub`."""

import sys

from recsys.hub.command import main

sys.exit(main())
