"""The command `python -m explanations.explain`."""

import sys

from explanations.explain.command import main

sys.exit(main())
