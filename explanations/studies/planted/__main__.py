"""Run the study: `python -m explanations.studies.planted`."""

import sys

from explanations.studies.planted import STUDY

if __name__ == "__main__":
    sys.exit(STUDY.main())
