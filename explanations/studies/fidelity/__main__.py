"""Run the study: `python -m explanations.studies.fidelity`."""

import sys

from explanations.studies.fidelity import STUDY

if __name__ == "__main__":
    sys.exit(STUDY.main())
