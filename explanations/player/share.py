"""A page that plays an explanation without a server: one HTML file with all audio inside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

from explanations.player.bundle import asset, script, style
from explanations.player.data import MixerData, WaveformData
from lemons_utils import ParameterError

_START = """
const { followTheme } = $theme;
followTheme(document.body, () => {});
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const content = read("content");
globalThis.players = content.players.map((data) => {
  const root = document.createElement("section");
  document.getElementById("players").append(root);
  return mount(root, data);
});
const text = document.getElementById("explanation").textContent;
const file = new Blob([text], { type: "application/json" });
document.getElementById("download").href = URL.createObjectURL(file);
"""


def share_page(
    mixer: MixerData,
    *,
    title: str,
    about: Sequence[str] = (),
    highlights: Sequence[WaveformData] = (),
    explanation: Mapping[str, Any] | None = None,
) -> str:
    """Return an HTML page with the mixer, its audio and its tables, to keep or to send.

    The page sends no request to any server; its content security policy forbids that, too.

    Parameters
    ----------
    mixer : MixerData
        All resources embedded (`Resource.embed`), not linked.
    title : str
    about : sequence of str
        Paragraphs under the title: listener, relevance, fidelity ...
    highlights : sequence of WaveformData
        Shown between the title and the mixer; embedded too.
    explanation : mapping
        Numbers as JSON, which a link on the page downloads.

    Returns
    -------
    str
        The page, to be written as UTF-8.

    Raises
    ------
    ParameterError
        If something is linked rather than embedded.
    """
    heard = [data.audio for data in highlights]
    drawn = [lane.audio for data in highlights for lane in data.lanes]
    resources = [*mixer.stems, mixer.tables, mixer.heads, *heard, *drawn]
    if linked := [resource.url for resource in resources if resource and resource.url]:
        raise ParameterError(f"a page by itself cannot fetch {linked[0]}: embed it")
    # The page has no Python side, so the buttons that report to it are left out.
    players = [*(data.to_json() for data in highlights), {**mixer.to_json(), "actions": []}]
    code = script().replace("export default component;", "") + _START
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return Template(asset("share.html")).substitute(
        title=html.escape(title),
        about="".join(f"<p>{html.escape(line)}</p>" for line in about),
        style=style(),
        content=_embed({"players": players}),
        explanation=_embed(explanation or {}),
        script=code,
        script_digest=digest,
    )


def _embed(content: object) -> str:
    # "<" occurs in JSON only inside of strings, where it may be escaped: then nothing in a title
    # can end the script element.
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")
