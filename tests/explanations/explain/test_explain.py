import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from explanations import explain as module
from explanations.explain import explain, explain_track, main, prepare
from explanations.listeners import load_listener
from explanations.stems import Truth, separator_for, stems_of
from explanations.store import Store
from lemons_audio import to_float32, write_audio
from lemons_utils import SAMPLE_RATE, DataError, ParameterError
from recsys.catalogue import Catalogue
from recsys.experiments import trained_listeners


def subject_of(house, number=0, separator="folder"):
    track_id = house.track_ids[number]
    return prepare(
        house.catalogue.audio(track_id),
        separator_for(house.catalogue, track_id, separator),
        stems_folder=house.folder / "stems",
        limit_gb=1,
    )


def test_subject(house):
    subject = subject_of(house)
    assert subject.track_id == house.track_ids[0]
    assert subject.segments == ((0, 32_000), (32_000, 64_000))
    assert subject.stems.names == ("vocals", "drums", "other")


@pytest.mark.parametrize("type", ["time", "source", "time_source"])
def test_explains_the_models_own_relevance(house, type):
    found = explain(house.listener, subject_of(house), type)
    audio = to_float32(house.catalogue.audio(house.track_ids[0]))
    with torch.inference_mode():
        logit = house.listener.network(torch.from_numpy(audio)[None])
    assert found.relevance == pytest.approx(torch.sigmoid(logit).item(), abs=1e-6)
    assert found.request.num_samples == "exhaustive"
    assert len(found.weights) == len(found.component_names) == {"time": 2, "source": 3}.get(type, 6)
    assert 0 < found.fidelity <= 1
    strengths = [abs(pair.interaction) for pair in found.pairs]
    assert strengths == sorted(strengths, reverse=True) and strengths[0] > 0
    assert found.fidelity <= found.fidelity_with_pairs <= 1
    assert found.shapley is not None


def noting(steps: list[tuple[str, float]]):
    return lambda step, share: steps.append((step, share))


def test_stored_explanations_are_reused_and_only_then(house, monkeypatch):
    store, steps = Store(house.folder / "kept"), []
    subject = subject_of(house)
    first = explain(house.listener, subject, "source", store=store)
    again = explain(house.listener, subject, "source", store=store, on_progress=noting(steps))
    assert again == first and not steps
    other = replace(house.listener, checksum="0" * 64)
    explain(other, subject, "source", store=store, on_progress=noting(steps))
    assert steps == [("weights", 0)]


def test_what_if_tables_stand_beside_and_answer_the_other_types(house):
    store, steps = Store(house.folder / "kept"), []
    subject = subject_of(house)
    whole = explain(
        house.listener, subject, "time_source", store=store, what_if=True, on_progress=noting(steps)
    )
    shares = [share for step, share in steps if step == "tables"]
    assert len(shares) > 3 and shares == sorted(shares) and shares[0] == 0 and shares[-1] < 1
    assert [step for step, share in steps if not share] == ["tables", "weights"]
    assert store.tables_path(subject.track_id).exists()
    time = explain(
        house.listener, subject, "time", store=store, what_if=True, on_progress=noting(steps)
    )
    assert [step for step, share in steps if not share] == ["tables", "weights", "weights"]
    assert time.relevance == pytest.approx(whole.relevance, abs=1e-6)
    assert np.allclose(time.weights, explain(house.listener, subject, "time").weights, atol=1e-6)


def test_the_plain_engine_agrees(house):
    subject = subject_of(house)
    exact = explain(house.listener, subject, "time_source")
    plain = explain(house.listener, subject, "time_source", engine="plain")
    assert plain.request.engine == "plain" and plain.request != exact.request
    np.testing.assert_allclose(plain.weights, exact.weights, atol=1e-5)
    np.testing.assert_allclose(plain.shapley, exact.shapley, atol=1e-5)


def test_nothing_is_stored_when_cancelled(house):
    class Cancelled(Exception):
        pass

    def cancel(step, share):
        raise Cancelled

    store = Store(house.folder / "kept")
    with pytest.raises(Cancelled):
        explain(house.listener, subject_of(house), "time", store=store, on_progress=cancel)
    assert not list((house.folder / "kept").rglob("*.json"))


def test_wrong_arguments(house):
    subject = subject_of(house)
    with pytest.raises(ParameterError, match="kind must be"):
        explain(house.listener, subject, "frequency")
    with pytest.raises(ParameterError, match="engine must be"):
        explain(house.listener, subject, "time", engine="guess")


def test_separators_of_a_catalogue(house):
    track_id = house.track_ids[0]
    assert separator_for(house.catalogue, track_id).name == "folder"
    assert separator_for(house.catalogue, "without-stems").name == "hybrid"
    with pytest.raises(ParameterError, match="demo band"):
        separator_for(house.catalogue, track_id, "truth")
    with pytest.raises(ParameterError, match="separator must be one of"):
        separator_for(house.catalogue, track_id, "magic")


def test_true_stems_of_an_imported_catalogue_are_what_explains_it(tmp_path, house):
    from recsys.importers.musdb import STEMS, main

    songs, rng = tmp_path / "musdb" / "test" / "Band - Song", np.random.default_rng(3)
    stems = {name: 0.1 * rng.uniform(-1, 1, (2, 2 * SAMPLE_RATE)) for name in STEMS}
    for name, waveform in {**stems, "mixture": sum(stems.values())}.items():
        write_audio(songs / f"{name}.wav", waveform, sample_rate=SAMPLE_RATE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEMONS_DATA_FOLDER", str(tmp_path))
        assert main([str(tmp_path / "musdb"), "--jobs", "1"]) == 0
    catalogue = Catalogue("musdb18", tmp_path / "catalogues" / "musdb18")
    (track_id,) = catalogue.track_ids
    separator = separator_for(catalogue, track_id)
    assert separator.name == "folder"
    found = stems_of(
        catalogue.audio(track_id), separator, stems_folder=tmp_path / "stems", limit_gb=1
    )
    assert set(found.names) == set(STEMS)  # and no residual: they sum to the mixture
    for name, waveform in zip(found.names, found.waveforms, strict=True):
        np.testing.assert_allclose(waveform, stems[name].mean(axis=0), atol=2 / 32768)
    assert separator_for(catalogue, track_id, "hybrid").name == "hybrid"


def test_true_stems_of_the_band(tmp_path):
    from recsys.demo import STEMS, compose, record

    catalogue = record([compose(3)], tmp_path / "catalogues" / "band", jobs=1)
    (track_id,) = catalogue.track_ids
    separator = separator_for(catalogue, track_id)
    assert isinstance(separator, Truth) and separator.stem_names == tuple(STEMS)
    audio = to_float32(catalogue.audio(track_id))
    assert np.array_equal(separator.separate(audio, 16_000).sum(axis=0), audio)
    with pytest.raises(DataError, match="do not sum"):
        separator.separate(audio[:-1], 16_000)


def test_listeners(house):
    experiments = house.folder / "experiments"
    assert trained_listeners(experiments, catalogue="own") == ["marko"]
    assert trained_listeners(experiments, catalogue="other") == []
    assert trained_listeners(house.folder / "nowhere", catalogue="own") == []
    with pytest.raises(DataError, match="has no model"):
        load_listener("paige", catalogue="own", experiments=experiments)
    with pytest.raises(DataError, match="no weights"):
        load_listener("x", catalogue="own", experiments=experiments, model_path=house.folder)
    again = load_listener("marko", catalogue="own", experiments=experiments)
    assert again.network is house.listener.network


def test_explain_track_takes_a_file_or_a_track_of_a_catalogue(house):
    audio = to_float32(house.catalogue.audio(house.track_ids[0]))
    write_audio(house.folder / "song.flac", audio, sample_rate=SAMPLE_RATE)
    options = {"kind": "source", "catalogue": "own"}
    file = explain_track("marko", str(house.folder / "song.flac"), separator="dsp", **options)
    assert file == explain_track("marko", house.folder / "song.flac", separator="dsp", **options)
    assert file.request.separator == "dsp"
    track = explain_track("marko", house.track_ids[0], separator="folder", **options)
    assert track == explain(house.listener, subject_of(house), "source")
    assert track.request.audio_checksum == file.request.audio_checksum


def test_the_command_keeps_what_explain_track_returns(house):
    track_id, out = house.track_ids[1], house.folder / "written"
    arguments = ["--user_name", "marko", "--catalogue", "own", "--separator", "folder", "--keep"]
    assert main([*arguments, "--track", track_id, "--out", str(out)]) == 0
    store = Store(house.folder / "kept")
    found = explain_track("marko", track_id, catalogue="own", separator="folder", store=store)
    assert Store(out).load(track_id, found.request) == found == store.load(track_id, found.request)


# -- the command -------------------------------------------------------------------------------
def test_command_for_a_track(house, capsys):
    arguments = ["--user_name", "marko", "--catalogue", "own", "--separator", "folder"]
    out = house.folder / "written"
    code = main([*arguments, "--track", house.track_ids[1], "--out", str(out), "--keep"])
    text = capsys.readouterr().out
    assert code == 0
    assert text.startswith("model: 2026-01-02_03-04-05-own-marko (the newest: ")
    assert "relevance to marko: 0." in text and "fidelity" in text and "drums 2" in text
    assert "(with pairs 0." in text and "strongest pairs" in text and " count" in text
    for name in ("top1.flac", "top3.flac", "without_top3.flac"):
        audio, sample_rate = soundfile.read(out / name)
        assert sample_rate == 16_000 and len(audio) and np.abs(audio).max() <= 1
    assert (out / "time_source.png").stat().st_size > 10_000
    stored = json.loads((out / house.track_ids[1] / "time_source.json").read_text())
    assert stored["request"]["separator"] == "folder"


def test_command_for_an_audio_file(house, capsys):
    audio = to_float32(house.catalogue.audio(house.track_ids[0]))
    soundfile.write("song.wav", np.stack([audio, audio], axis=1), 16_000)
    code = main(
        [
            "--user_name",
            "marko",
            "--catalogue",
            "own",
            "--separator",
            "dsp",
            "--type",
            "source",
            "--excerpt_s",
            "3",
            "song.wav",
        ]
    )
    text = capsys.readouterr().out
    assert code == 0 and "taking the centre 3 s" in text and "vocals" in text
    assert (house.folder / "explanation-marko-song" / "top1.flac").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "name either"),
        (["missing.wav"], "is not a file"),
        (["song.wav", "--query_instrument", "piano"], "one of vocals, drums, bass, other, got"),
        (["broken.wav"], "cannot be decoded"),
        (["short.wav"], "short.wav is 0.50 s long, shorter than 1 s"),
        (["empty.wav"], "empty.wav is 0.00 s long"),
        (["nan.wav"], "nan.wav holds NaN"),
        (["slow.wav"], "slow.wav has a sample rate of 1 Hz"),
        (["song.wav", "--separator", "truth"], "--track"),
        (["song.wav", "--num_samples", "many"], "num_samples"),
        (["song.wav", "--track", "x"], "name either"),
    ],
)
def test_command_says_what_is_wrong_in_one_line(house, capsys, arguments, expected):
    tone = np.sin(np.arange(64_000) / 9) * 0.3
    soundfile.write("song.wav", tone, 16_000)
    soundfile.write("short.wav", tone[:8000], 16_000)
    soundfile.write("empty.wav", tone[:0], 16_000)
    soundfile.write("nan.wav", np.full(64_000, np.nan), 16_000, subtype="FLOAT")
    soundfile.write("slow.wav", tone, 1)
    (house.folder / "broken.wav").write_bytes(b"RIFFnonsense")
    code = main(["--user_name", "marko", "--catalogue", "own", "--separator", "dsp", *arguments])
    error = capsys.readouterr().err
    assert code == 2
    assert expected in error and error.count("\n") == 1


def test_the_commands_module_is_the_functions_module():
    assert module.explain is explain
