"""Are the explanations stable, faithful and true? One module a study; `study` says how to add one.

`python -m explanations.studies.report` runs all of them and writes one page; each is a command
of its own, too, e.g. `python -m explanations.studies.stability --user_name marko`.
"""
