"""Run the study: `python -m explanations.studies.sanity`."""

import sys

from explanations.studies.sanity import STUDY

if __name__ == "__main__":
    sys.exit(STUDY.main())
