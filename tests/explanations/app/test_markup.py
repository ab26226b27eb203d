"""Pieces of HTML: whatever comes from outside stays text, and numbers are told in words, too."""

import base64
import re
import string
from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explanations.app import markup
from explanations.player.palette import PALETTE
from explanations.store import Explanation, Request
from tests.declared import ROOT

EVIL = "<script>alert('&\"')</script>"
SEGMENTS = ((0, 16_000), (16_000, 40_000))
STEMS = ("vocals", EVIL)


def explanation(type: str, *weights: float) -> Explanation:
    request = Request(type, SEGMENTS, "exact", 1, 0, "truth", "1", "", "")
    names = tuple(f"component {i}" for i in range(len(weights)))
    return Explanation(request, STEMS, names, weights, 0.0, 1.0, 0.7, None, "1")


class Reader(HTMLParser):
    """Collects the tags, the text and the numbers of open tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.words, self.depth = [], "", 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.depth += tag not in ("img",)

    def handle_endtag(self, tag):
        self.depth -= 1

    def handle_data(self, data):
        self.words += data


@pytest.mark.parametrize(
    "html",
    [
        markup.answer(EVIL, EVIL),
        markup.section(EVIL),
        markup.alert(EVIL),
        markup.how("<svg/>", EVIL, EVIL),
        markup.figures((3, EVIL)),
        markup.row(0.5, EVIL, EVIL, EVIL),
        markup.bar(0.5, label=EVIL),
        markup.bars([(EVIL, 0.5)], EVIL),
        markup.image("<svg/>", EVIL),
        markup.weight_map(explanation("source", 0.1, -0.2)),
    ],
)
def test_text_from_outside_stays_text(html: str) -> None:
    reader = Reader(html)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert "<script" not in html
    assert reader.depth == 0  # every tag is closed
    told = reader.words + "".join(
        str(v) for _, attributes in reader.tags for v in attributes.values()
    )
    assert EVIL in told


@given(st.text(st.sampled_from("\\`*_{}[]()#+!|~$<>:^=-&;.@w/ab1 é"), max_size=40))
def test_plain_escapes_every_sign_of_markdown(text: str) -> None:
    escaped = markup.plain(text).replace(markup.JOINER, "")
    assert re.sub(r"\\(.)", r"\1", escaped) == text
    rest = re.sub(r"\\.", "", escaped)
    assert not set(rest) & set(string.punctuation)


@pytest.mark.parametrize("text", ["https://a.example", "www.a.example", "a@b.example", ":home:"])
def test_plain_parts_what_markdown_finds_after_the_escapes(text: str) -> None:
    read = re.sub(r"\\(.)", r"\1", markup.plain(text))
    assert read.replace(markup.JOINER, "") == text
    assert not re.search(r"://|www\.\w|@\w|:\w+:", read)


def test_colours_of_weights_are_those_of_the_palette() -> None:
    sheet = (ROOT / "explanations" / "app" / "page.css").read_text(encoding="utf-8")
    defined, _, rest = markup.style(sheet).partition("}")
    assert rest == f"\n{sheet}</style>"
    assert set(re.findall(r"var\((--lemons-[\w-]+)", sheet)) == set(
        re.findall(r"(--lemons-[\w-]+): #", defined)
    )
    for color in (PALETTE["light"]["positive"], PALETTE["light"]["negative"]):
        assert color in defined and color not in sheet


def test_an_image_holds_its_svg() -> None:
    ((tag, attributes),) = Reader(markup.image("<svg>é</svg>", css_class="lm-portrait")).tags
    assert (tag, attributes["alt"], attributes["class"]) == ("img", "", "lm-portrait")
    code = attributes["src"].removeprefix("data:image/svg+xml;base64,")
    assert base64.b64decode(code).decode() == "<svg>é</svg>"


def test_an_answer_leaves_out_what_is_not_known() -> None:
    assert "Band · rock<" in markup.answer("Title", "Band", "rock")
    assert "Band<" in markup.answer("Title", "Band", "")
    assert '<p class="lm-quiet"></p>' in markup.answer("Title", "", "")


@given(st.floats(-2, 3))
def test_a_bar_stays_in_its_frame_and_says_its_number(value: float) -> None:
    html = markup.bar(value, label="Relevance")
    width = float(re.search(r"width:(-?[\d.]+)%", html)[1])
    assert 0 <= width <= 100
    assert f'aria-label="Relevance {value:.2f}"' in html
    assert f">{value:.2f}<" in html


def test_figures_have_thousands() -> None:
    assert Reader(markup.figures((12_345, "tracks"), (1, "listener"))).words == (
        "12,345tracks1listener"
    )


def test_the_longest_of_bars_sets_the_scale() -> None:
    html = markup.bars([("hum", 0.5), ("chirp", 0.25), ("silence", 0.0)], "Share")
    assert re.findall(r"width:([\d.]+)%", html) == ["84.0", "42.0", "0.0"]
    assert re.findall(r"</span>(\d+%)", html) == ["50%", "25%", "0%"]
    assert "width" not in markup.bars([], "Share")
    assert "width:0.0%" in markup.bars([("hum", 0.0)], "Share")


@pytest.mark.parametrize(
    ("type", "weights", "heads", "rows"),
    [
        ("time", (0.5, -0.25), ["0–1 s", "1–2.5 s"], ["all stems"]),
        ("source", (0.5, -0.25), ["whole track"], ["vocals", escape(EVIL)]),
        ("time_source", (0.5, -0.25, 0.1, 0.0), ["0–1 s", "1–2.5 s"], ["vocals", escape(EVIL)]),
    ],
)
def test_the_map_has_a_row_a_stem_and_a_column_a_segment(type, weights, heads, rows) -> None:
    html = markup.weight_map(explanation(type, *weights))
    assert re.findall(r'<th scope="col">(.*?)</th>', html) == heads
    assert re.findall(r'<th scope="row">(.*?)</th>', html) == rows
    assert html.count("<td class=") == len(weights) == len(heads) * len(rows)


def cells(explanation: Explanation) -> list[tuple[str, str, str]]:
    """Class, shade and text of every cell, row by row."""
    html = markup.weight_map(explanation)
    return re.findall(r'<td class="([^"]*)" style="--shade:(\d+)%">([^<]*)</td>', html)


def test_the_map_puts_every_weight_where_it_belongs() -> None:
    found = explanation("time_source", 0.4, -0.2, 0.05, 0.0)
    assert cells(found) == [
        ("lm-for lm-strongest", "80", "+0.400"),  # vocals, first segment
        ("lm-for lm-strongest", "40", "+0.050"),
        ("lm-against", "80", "−0.200"),
        ("lm-against", "0", "0.000"),
    ]


def test_weights_that_do_not_count_are_neither_framed_nor_coloured() -> None:
    tiny = cells(explanation("time", 0.0012, -0.0000001))
    assert tiny == [("lm-for", "1", "+0.001"), ("lm-against", "0", "0.000")]
