"""Run the study: `python -m explanations.studies.real_music`."""

import sys

from explanations.studies.real_music import STUDY

if __name__ == "__main__":
    sys.exit(STUDY.main())
