"""What the browser is told of an explanation."""

import json

from explanations.app.view import mixer_data
from explanations.player import Resource
from explanations.store import Explanation, Request

SEGMENTS = ((0, 32_000), (32_000, 62_111), (62_111, 96_000), (96_000, 130_001), (130_001, 160_000))
STEMS = ("vocals", "piano", "drums", "bass", "other")


def test_mixer_data_takes_an_explanation_as_it_is() -> None:
    request = Request("time", SEGMENTS, "exact", 1, 0, "truth", "1", "", "")
    weights = (0.1, -0.2, 0.3, 0.0, 0.5)
    explanation = Explanation(request, STEMS, tuple("abcde"), weights, 0.0, 1.0, 0.7, None, "1")
    audio = [Resource(url=f"/audio/{name}.flac") for name in STEMS]
    data = mixer_data(explanation, audio, Resource(url="/audio/tables.npz"))
    told = json.loads(json.dumps(data.to_json(), allow_nan=False))
    assert (told["kind"], told["type"], told["relevance"]) == ("mixer", "time", 0.7)
    assert told["weights"] == list(weights)
    assert [stem["name"] for stem in told["stems"]] == list(STEMS)
    assert [stem["url"] for stem in told["stems"]] == [resource.url for resource in audio]
    assert told["tables"] == {"url": "/audio/tables.npz"}
    assert told["segments"][1] == list(SEGMENTS[1])
    assert told["mask"] == ""
    assert [action["id"] for action in told["actions"]] == ["share"]
