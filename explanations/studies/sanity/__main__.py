"""Run the study: `python -m explanations.studies.sanity`."""

from explanations.studies.sanity import STUDY

if __name__ == "__main__":
    raise SystemExit(STUDY.main())
