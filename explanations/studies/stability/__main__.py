"""Run the study: `python -m explanations.studies.stability`."""

from explanations.studies.stability import STUDY

if __name__ == "__main__":
    raise SystemExit(STUDY.main())
