"""Run the study: `python -m explanations.studies.fidelity`."""

from explanations.studies.fidelity import STUDY

if __name__ == "__main__":
    raise SystemExit(STUDY.main())
