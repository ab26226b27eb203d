"""The command `python -m recsys.ingest`."""

import sys

from recsys.ingest.folder import main

sys.exit(main())
