"""The report as one HTML page: pictures inside, nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from explanations.studies.study import Section
from lemons_utils import DataError, write_beside

_STYLE = """
:root { color-scheme: light dark; --line: #d9dce1; --soft: #666c75; }
@media (prefers-color-scheme: dark) { :root { --line: #3c4047; --soft: #a0a6b0; } }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto;
  padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 3rem; border-top: 1px solid var(--line);
  padding-top: 1.5rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .86rem; margin: .3rem 0; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
td { font-variant-numeric: tabular-nums; }
caption, figcaption { text-align: left; color: var(--soft); font-size: .9rem; padding: .4rem 0; }
figure { margin: 1.2rem 0; } img { max-width: 100%; height: auto; background: #fff; }
pre { overflow-x: auto; font-size: .82rem; padding: .6rem .8rem; border: 1px solid var(--line); }
.made { color: var(--soft); font-size: .86rem; } .missing { border-left: 4px solid #a23b52;
  padding-left: .8rem; } li { margin: .35rem 0; }
"""


def write_page(
    path: Path, sections: Mapping[str, Section], missing: Mapping[str, str], *, command: str
) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        The pictures lie beside it; they are copied into it.
    sections : mapping from a study's name to what it says
    missing : mapping from a study's heading to why there is nothing of it
    command : str
        What made the page.
    """
    contents = "".join(
        f'<li><a href="#{name}">{escape(section.title)}</a></li>'
        for name, section in sections.items()
    )
    body = "".join(
        _section(name, section, path.parent) for name, section in sections.items()
    ) + "".join(
        f'<section><h2>{escape(title)}</h2><p class="missing">Not measured: {escape(reason)}</p>'
        "</section>"
        for title, reason in missing.items()
    )
    text = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>LEMONS: evidence</title><style>{_STYLE}</style></head><body>"
        "<h1>Are the explanations stable, faithful and true?</h1>"
        "<p>Every sentence under Findings is made from the numbers below it, whatever they say. "
        f"This page: <code>{escape(command)}</code>.</p><ul>{contents}</ul>{body}</body></html>\n"
    )
    with write_beside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _section(name: str, section: Section, folder: Path) -> str:
    findings = "".join(f"<li>{escape(finding)}</li>" for finding in section.findings)
    parts = [
        f'<section id="{name}"><h2>{escape(section.title)}</h2><p>{escape(section.question)}</p>',
        f"<h3>Findings</h3><ul>{findings}</ul>" if findings else "",
        *(_picture(caption, folder / file) for caption, file in section.pictures),
        *(_table(caption, table) for caption, table in section.tables),
        "<h3>Made by</h3>",
        *(_made(facts) for facts in section.facts),
        "</section>",
    ]
    return "".join(parts)


def _picture(caption: str, path: Path) -> str:
    try:
        data = base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise DataError(f"a picture is missing: {path}; run its study again") from error
    text = escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _table(caption: str, table: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(column))}</th>" for column in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in table.itertuples(index=False)
    )
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _made(facts: Mapping[str, Any]) -> str:
    words = [str(facts.get("date", ""))]
    if facts.get("seconds") is not None:
        words.append(f"last run {facts['seconds']:g} s, less than the whole where it resumed")
    words.append(_pairs(facts.get("versions", {})))
    if facts.get("models"):
        words.append("models " + _pairs(facts["models"]))
    about = escape("; ".join(filter(None, words)))
    return f'<pre>{escape(str(facts["command"]))}</pre><p class="made">{about}</p>'


def _pairs(values: Mapping[str, str] | Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {value}" for name, value in dict(values).items())
