"""Run the study: `python -m explanations.studies.separators`."""

from explanations.studies.separators import STUDY

if __name__ == "__main__":
    raise SystemExit(STUDY.main())
