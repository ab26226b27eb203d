"""Studies measure whether the explanations are stable, faithful and true.

`python -m explanations.studies.report` runs all of them and writes one page; each is a command
of its own, too, e.g. `python -m explanations.studies.stability --user_name marko`.

To add a study, make a package here that hands out a `STUDY` (a `study.Study`) and whose
`__main__` runs it. Its `measuring` maps an item to rows, its `page` makes a `StudySection` from
the files that the command wrote. Put it into `report.STUDIES`, at its place on the page.
"""
