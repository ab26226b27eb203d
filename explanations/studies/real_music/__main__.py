"""Run the study: `python -m explanations.studies.real_music`."""

from explanations.studies.real_music import STUDY

if __name__ == "__main__":
    raise SystemExit(STUDY.main())
