"""Run `python -m recsys.listening`."""

import sys

from recsys.listening.splits import main

sys.exit(main())
