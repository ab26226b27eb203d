"""Files that a viewer uploads: what is taken in, what is refused, what is kept."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from explanations.app import own_files
from explanations.listeners import ListenerModel, load_listener
from lemons_audio import to_float32
from lemons_utils import SAMPLE_RATE, DataError
from recsys.heads.features import coordinates_of
from recsys.inference import relevance
from recsys.model import FCN


def upload(
    seconds: float, *, rate: int = 16_000, channels: int = 1, pitch: float = 220.0, loudness=0.5
):
    """A file as the browser sends it; its loudness grows from start to end."""
    time_s = np.arange(round(seconds * rate)) / rate
    tone = loudness * np.sin(2 * np.pi * pitch * time_s) * time_s / max(seconds, 1)
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone] * channels, axis=1), rate, format="WAV")
    file.seek(0)
    return file


def test_a_file_becomes_a_track_with_its_name_as_title(tmp_path: Path) -> None:
    track_id, _ = own_files.take_in(upload(2, rate=22_050, channels=2), "my tune.v2.WAV", tmp_path)
    catalogue = own_files.own_files(tmp_path)
    audio = catalogue.audio(track_id)
    assert audio.dtype == np.int16
    assert len(audio) == pytest.approx(2 * SAMPLE_RATE, abs=2)
    assert own_files.title_of(catalogue, track_id) == "my tune.v2"
    assert own_files.is_kept(catalogue, track_id)
    assert not (tmp_path / "catalogues").exists()  # it is not listed among the catalogues


def test_the_same_file_is_the_same_track(tmp_path: Path) -> None:
    first, _ = own_files.take_in(upload(2), "one.wav", tmp_path)
    assert own_files.take_in(upload(2), "other.wav", tmp_path) == (first, 2.0)
    assert own_files.take_in(upload(2, pitch=330), "one.wav", tmp_path)[0] != first
    assert own_files.title_of(own_files.own_files(tmp_path), first) == "other"


def test_of_a_long_file_the_middle_is_kept(tmp_path: Path) -> None:
    track_id, length_s = own_files.take_in(upload(50), "long.wav", tmp_path)
    assert length_s == 50
    audio = own_files.own_files(tmp_path).audio(track_id).astype(float) / 32768
    assert len(audio) == 30 * SAMPLE_RATE
    loudness = [np.abs(audio[:SAMPLE_RATE]).max(), np.abs(audio[-SAMPLE_RATE:]).max()]
    assert loudness == pytest.approx([0.5 * 11 / 50, 0.5 * 40 / 50], abs=0.01)  # 10 to 40 s


def test_of_a_long_file_any_part_can_be_chosen(tmp_path: Path) -> None:
    for start_s, begins_s in ((3.0, 3), (1000.0, 20)):
        track_id, _ = own_files.take_in(upload(50), "long.wav", tmp_path, start_s=start_s)
        audio = own_files.own_files(tmp_path).audio(track_id).astype(float) / 32768
        assert len(audio) == 30 * SAMPLE_RATE
        loudest = np.abs(audio[:SAMPLE_RATE]).max()
        assert loudest == pytest.approx(0.5 * (begins_s + 1) / 50, abs=0.01)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"this is no audio", "no tune.wav cannot be decoded"),
        (b"", "no tune.wav"),
        (upload(0.9).getvalue(), "no tune.wav is shorter than a second"),
        (upload(3, loudness=0.0).getvalue(), "no tune.wav is silent"),
    ],
)
def test_what_is_no_tune_is_refused_by_its_own_name(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(DataError, match=words) as refused:
        own_files.take_in(io.BytesIO(content), "no tune.wav", tmp_path)
    assert "upload" not in str(refused.value)  # nor by that of a temporary file
    assert not list(tmp_path.rglob("*.npy"))


def test_a_link_with_any_text_asks_for_no_file_outside(tmp_path: Path) -> None:
    catalogue = own_files.own_files(tmp_path)
    (tmp_path / "secret.npy").write_bytes(b"")
    for text in ("", "0123", "../../secret", "/etc/passwd", ".", "..\\secret"):
        assert not own_files.is_kept(catalogue, text)


def test_a_title_that_cannot_be_read_is_replaced(tmp_path: Path) -> None:
    track_id, _ = own_files.take_in(upload(2), "tune.wav", tmp_path)
    catalogue = own_files.own_files(tmp_path)
    card = catalogue.folder / "titles" / f"{track_id}.json"
    for content in ("", "{}", "not JSON"):
        card.write_text(content)
        assert own_files.title_of(catalogue, track_id) == "Your file"
    card.unlink()
    assert own_files.title_of(catalogue, track_id) == "Your file"


def test_the_oldest_file_goes_when_there_are_too_many(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(own_files, "KEPT", 2)
    catalogue = own_files.own_files(tmp_path)
    ids = []
    for number in range(4):
        file = upload(1, pitch=100 + 50 * number)
        ids.append(own_files.take_in(file, f"{number}.wav", tmp_path)[0])
        os.utime(catalogue.audio_path(ids[-1]), (number, number))
    assert [own_files.is_kept(catalogue, track_id) for track_id in ids] == [
        False,
        False,
        True,
        True,
    ]
    assert {path.stem for path in (catalogue.folder / "titles").iterdir()} == set(ids[2:])


def test_a_file_that_is_taken_in_again_is_never_the_one_to_go(tmp_path: Path, monkeypatch) -> None:
    first, _ = own_files.take_in(upload(1, pitch=100), "first.wav", tmp_path)
    catalogue = own_files.own_files(tmp_path)
    own_files.take_in(upload(1, pitch=200), "second.wav", tmp_path)
    os.utime(catalogue.audio_path(first), (0, 0))
    monkeypatch.setattr(own_files, "KEPT", 1)
    own_files.take_in(upload(1, pitch=100), "first.wav", tmp_path)
    assert own_files.is_kept(catalogue, first)


@pytest.fixture
def listeners() -> list[ListenerModel]:
    """Two models that differ in the sign of their last layer."""
    torch.manual_seed(3)
    network, opposite = FCN(), FCN()
    opposite.load_state_dict(network.state_dict())
    opposite.fc.weight.data *= -1
    opposite.fc.bias.data *= -1
    return [
        ListenerModel(name, model.eval(), name, Path(name))
        for name, model in (("anna", network), ("ben", opposite))
    ]


def test_every_listener_scores_the_file(tmp_path: Path, listeners: list[ListenerModel]) -> None:
    track_id, _ = own_files.take_in(upload(2), "tune.wav", tmp_path)
    catalogue = own_files.own_files(tmp_path)
    told = []
    scores = own_files.relevance_of(
        catalogue, track_id, listeners, lambda step, share: told.append((step, share))
    )
    assert told == [("ask", 0.0), ("ask", 0.5)]
    assert sum(scores) == pytest.approx(1.0)  # opposite logits
    assert scores[0] != pytest.approx(0.5, abs=1e-4)
    reversed_scores = own_files.relevance_of(catalogue, track_id, listeners[::-1], lambda *_: None)
    assert reversed_scores == scores[::-1]


def test_listeners_of_a_trunk_score_the_file_in_one_pass(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paige = load_listener("paige", catalogue="demo", experiments=house / "experiments")
    track_id, _ = own_files.take_in(upload(2), "tune.wav", tmp_path)
    catalogue = own_files.own_files(tmp_path)
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return coordinates_of(*arguments)

    monkeypatch.setattr(own_files, "coordinates_of", counted)
    one, other = own_files.relevance_of(catalogue, track_id, [paige, paige], lambda *_: None)
    assert len(calls) == 1
    waveform = torch.from_numpy(to_float32(catalogue.audio(track_id)))[None]
    network = paige.network(waveform)[:, 0].detach().double().numpy()
    assert one == other == pytest.approx(float(relevance(network)[0]), abs=1e-5)


def test_what_the_progress_raises_ends_the_work(tmp_path: Path, listeners) -> None:
    track_id, _ = own_files.take_in(upload(2), "tune.wav", tmp_path)

    def stop(step: str, share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        own_files.relevance_of(own_files.own_files(tmp_path), track_id, listeners, stop)


def test_git_ignores_them_as_it_ignores_all_data() -> None:
    ignored = (Path(__file__).parents[3] / ".gitignore").read_text().splitlines()
    assert f"/{own_files.NAME}/" in ignored
