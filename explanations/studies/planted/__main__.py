"""Run the study: `python -m explanations.studies.planted`."""

from explanations.studies.planted import STUDY

if __name__ == "__main__":
    raise SystemExit(STUDY.main())
