"""The report as one HTML page: pictures inside, nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import jinja2

from explanations.studies.study import StudySection
from lemons_utils import DataError, write_beside


def write_page(
    path: Path, sections: Mapping[str, StudySection], missing: Mapping[str, str], *, command: str
) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        The pictures lie beside it; they are copied into it.
    sections : mapping from a study's name to what it says
    missing : mapping from a study's title to why there is nothing of it
    command : str
        The command that made the page.

    Raises
    ------
    DataError
        If a picture is missing.
    """

    def embedded(name: str) -> str:
        try:
            return base64.b64encode((path.parent / name).read_bytes()).decode()
        except OSError as error:
            raise DataError(
                f"a picture is missing: {path.parent / name}; run its study again"
            ) from error

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["embedded"] = embedded
    template = environment.get_template("page.html")
    text = template.render(sections=sections, missing=missing, command=command)
    with write_beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
