"""Run the study: `python -m explanations.studies.separators`."""

import sys

from explanations.studies.separators import STUDY

if __name__ == "__main__":
    sys.exit(STUDY.main())
