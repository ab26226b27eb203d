"""Run `python -m recsys.listening`."""

import sys

from recsys.listening.command import main

sys.exit(main())
