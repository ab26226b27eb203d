"""Run the study: `python -m explanations.studies.stability`."""

import sys

from explanations.studies.stability import STUDY

if __name__ == "__main__":
    sys.exit(STUDY.main())
