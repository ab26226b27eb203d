import dataclasses

import numpy as np
import pytest
import torch

from lemons_utils import ParameterError
from recsys.checkpoint import LAST_STATE, load_state, save_state
from recsys.dataset import Crops, Tracks
from recsys.inference import score_tracks
from recsys.metrics import evaluate, judge
from recsys.model import MIN_SAMPLES
from recsys.training import Best, fit, fresh_network, trainer
from recsys.training_options import Options, pick_device
from tests.recsys.sounds import audio

LENGTH = MIN_SAMPLES
TRAIN, VALID = range(12), range(12, 18)


def data() -> tuple[Crops, Tracks]:
    train, valid = ([str(number) for number in part] for part in (TRAIN, VALID))
    return (
        Crops(audio, train, [int(name) % 2 for name in train], input_length=LENGTH, seed=1),
        Tracks(audio, valid, [int(name) % 2 for name in valid]),
    )


def train(options: Options, **more):
    """Train from the same fresh network; return it, its reports and the best."""
    network, reports = fresh_network(0), []
    best = fit(network, *data(), options, on_epoch=reports.append, **more)
    return network, reports, best


OPTIONS = Options(n_epochs=4, batch_size=5, training_seed=3)


@pytest.fixture(scope="module")
def uninterrupted():
    return train(OPTIONS)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_learns_tones_from_noise(uninterrupted):
    network, reports, best = uninterrupted
    assert (best.auc, best.map) == (1.0, 1.0)
    assert reports[-1].train_loss < reports[0].train_loss
    assert evaluate(network, data()[1]).auc == 1.0


def test_reports_say_what_happened(uninterrupted):
    _, reports, best = uninterrupted
    assert [report.epoch for report in reports] == [1, 2, 3, 4]
    assert [report.step for report in reports] == [3, 6, 9, 12]
    assert reports[-1].best == best
    assert {report.lr for report in reports} == {1e-3}
    so_far = None
    for report in reports:
        now = Best(report.epoch, **report.valid.numbers())
        assert report.is_best == now.beats(so_far)
        so_far = now if report.is_best else so_far
        assert report.best == so_far


def test_ends_with_the_best_weights(uninterrupted):
    network, reports, best = uninterrupted
    assert not network.training
    state = reports[best.epoch - 1].state
    weights = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    assert same(weights, {name: state.tensors[name] for name in weights})
    assert evaluate(network, data()[1]).loss == best.loss


def test_same_seed_same_weights_and_the_callers_random_numbers_are_left_alone(uninterrupted):
    state = torch.get_rng_state()
    _, reports, best = train(OPTIONS)
    assert torch.equal(state, torch.get_rng_state())
    assert best == uninterrupted[2]
    assert same(reports[-1].state.tensors, uninterrupted[1][-1].state.tensors)
    _, reports, _ = train(dataclasses.replace(OPTIONS, training_seed=4))
    assert not same(reports[-1].state.tensors, uninterrupted[1][-1].state.tensors)


def test_loader_processes_change_nothing(uninterrupted):
    _, reports, _ = train(dataclasses.replace(OPTIONS, num_workers=2))
    assert same(reports[-1].state.tensors, uninterrupted[1][-1].state.tensors)


@pytest.mark.parametrize("after", [1, 3, 4])
def test_resumed_training_ends_at_the_same_weights(uninterrupted, tmp_path, after):
    network, reports, best = uninterrupted
    save_state(tmp_path / LAST_STATE, reports[after - 1].state)
    torch.manual_seed(after)  # whatever the new process happens to have
    resumed, later, again = train(OPTIONS, resume=load_state(tmp_path / LAST_STATE))
    assert [report.epoch for report in later] == list(range(after + 1, 5))
    assert again == best
    assert same(resumed.state_dict(), network.state_dict())
    if later:
        assert same(later[-1].state.tensors, reports[-1].state.tensors)
        assert later[-1].state.facts == reports[-1].state.facts


def test_adam_in_one_operation_as_on_a_gpu_is_the_same_and_resumes(uninterrupted, monkeypatch):
    monkeypatch.setattr(trainer, "FUSED", {"cpu"})
    _, reports, _ = train(OPTIONS)
    first, plain = (found[0].state.tensors for found in (reports, uninterrupted[1]))
    for name in ("network.fc.weight", "optimizer.exp_avg.fc.weight"):
        torch.testing.assert_close(first[name], plain[name], rtol=0, atol=1e-4)
    _, later, _ = train(OPTIONS, resume=reports[1].state)
    assert same(later[-1].state.tensors, reports[-1].state.tensors)


def test_another_training_is_not_resumed(uninterrupted):
    state = uninterrupted[1][0].state
    with pytest.raises(ParameterError, match=r"lr was 0\.001, is 0\.01"):
        train(dataclasses.replace(OPTIONS, lr=0.01), resume=state)
    crops, valid = data()
    crops.labels[0] = 1 - crops.labels[0]
    with pytest.raises(ParameterError, match="tracks was"):
        fit(fresh_network(0), crops, valid, OPTIONS, resume=state)


def test_more_epochs_may_follow(uninterrupted):
    longer = dataclasses.replace(OPTIONS, n_epochs=5)
    _, reports, _ = train(longer, resume=uninterrupted[1][-1].state)
    assert [report.epoch for report in reports] == [5]


def test_patience_stops_and_stays_stopped():
    # At this learning rate nothing is learned: the first epoch stays the best or nearly so.
    options = Options(n_epochs=50, batch_size=12, lr=1e-12, patience=2)
    _, reports, best = train(options)
    assert len(reports) == best.epoch + 2 < 50
    _, later, again = train(options, resume=reports[-1].state)
    assert later == []
    assert again == best


def test_validates_every_so_often_and_at_the_end():
    _, reports, best = train(Options(n_epochs=5, batch_size=12, valid_every=2))
    assert [report.valid is not None for report in reports] == [False, True, False, True, True]
    assert best.epoch in (2, 4, 5)


def test_cosine_ends_near_zero_and_steps_are_called_back():
    steps = []
    options = Options(n_epochs=2, batch_size=4, schedule="cosine", log_step=2, valid_every=2)
    _, reports, _ = train(options, on_step=lambda step, loss: steps.append((step, loss)))
    assert [step for step, _ in steps] == [2, 4, 6]
    assert all(0 < loss < 20 for _, loss in steps)
    assert reports[0].lr == pytest.approx(1e-3 * (1 + np.cos(np.pi * 2 / 6)) / 2)
    assert reports[1].lr == pytest.approx(1e-3 * (1 + np.cos(np.pi * 5 / 6)) / 2)


def test_bfloat16_learns_too():
    _, reports, best = train(Options(n_epochs=3, batch_size=6, precision="bfloat16"))
    assert best.auc > 0.8
    assert all(t.dtype != torch.bfloat16 for t in reports[-1].state.tensors.values())


def test_a_loss_that_is_no_number_is_said():
    network = fresh_network(0)
    with torch.no_grad():
        network.fc.bias.fill_(float("nan"))
    with pytest.raises(ParameterError, match=r"loss became nan in step 1: .* smaller lr \(now"):
        fit(network, *data(), OPTIONS)


def test_validation_needs_both_labels():
    crops, valid = data()
    valid.labels = [1] * len(valid)
    with pytest.raises(ParameterError, match="listened and unheard"):
        fit(fresh_network(0), crops, valid, OPTIONS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_epochs": 0},
        {"batch_size": 0},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"wd": -1.0},
        {"patience": 0},
        {"valid_every": 0},
        {"num_workers": -1},
        {"schedule": "linear"},
        {"precision": "float16"},
    ],
)
def test_bad_options_are_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Options(**wrong)


def test_devices():
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda")
    with pytest.raises(ParameterError, match="say device=cpu"):
        pick_device("abacus")
    if not torch.cuda.is_available():
        with pytest.raises(ParameterError, match="'cuda', which is not here"):
            pick_device("cuda")


def test_better_means_auc_and_map_then_loss():
    base = Best(1, loss=0.5, auc=0.8, map=0.6)
    assert base.beats(None)
    assert Best(2, loss=0.9, auc=0.9, map=0.6).beats(base)
    assert Best(2, loss=0.4, auc=0.6, map=0.8).beats(base)
    assert not Best(2, loss=0.5, auc=0.8, map=0.6).beats(base)
    assert not Best(2, loss=0.1, auc=0.8, map=0.5).beats(base)


# -- evaluation --------------------------------------------------------------------------------
def test_evaluation_keeps_order_and_mode_whatever_the_batches(uninterrupted):
    network, _, _ = uninterrupted
    _, tracks = data()
    network.train()
    heard = []
    one = evaluate(
        network, tracks, batch_size=1, on_progress=lambda step, share: heard.append(share)
    )
    many = evaluate(network, tracks, batch_size=20, num_workers=2)
    assert network.training
    network.eval()
    assert heard == [(place + 1) / len(tracks) for place in range(len(tracks))]
    assert one.track_ids == tracks.track_ids
    np.testing.assert_allclose(one.logits, many.logits, rtol=1e-6, atol=2e-6)
    plain = [
        network(torch.from_numpy(audio(name).astype(np.float32) / 32768)[None]).item()
        for name in tracks.track_ids
    ]
    np.testing.assert_allclose(one.logits, plain, atol=5e-6)


def test_metrics_on_known_cases():
    perfect = judge(["a", "b", "c"], [0, 1, 1], np.array([-1.0, 1.0, 2.0]))
    assert (perfect.auc, perfect.map) == (1.0, 1.0)
    assert perfect.loss == pytest.approx(np.mean(np.log1p(np.exp([-1.0, -1.0, -2.0]))))
    np.testing.assert_allclose(perfect.relevance, 1 / (1 + np.exp([1.0, -1.0, -2.0])))
    wrong = judge(["a", "b"], [1, 0], np.array([-1.0, 1.0]))
    assert (wrong.auc, wrong.map, wrong.score) == (0.0, 0.5, 0.25)
    mixed = judge(list("abcd"), [1, 0, 1, 0], np.array([4.0, 3.0, 2.0, 1.0]))
    assert mixed.auc == 0.75
    assert mixed.map == pytest.approx((1 + 2 / 3) / 2)
    one_kind = judge(["a"], [1], np.array([0.0]))
    assert np.isnan(one_kind.auc)
    assert np.isnan(one_kind.map)


def test_metrics_refuse_what_does_not_fit():
    with pytest.raises(ParameterError, match="finite"):
        judge(["a"], [1], np.array([np.nan]))
    with pytest.raises(ParameterError, match="one label and one logit per track"):
        judge(["a"], [1, 0], np.array([0.0]))


def test_broken_weights_and_missing_labels_are_said():
    network = fresh_network(0)
    _, tracks = data()
    with torch.no_grad():
        network.fc.bias.fill_(float("nan"))
    with pytest.raises(ParameterError, match="weights are broken"):
        score_tracks(network, tracks)
    with pytest.raises(ParameterError, match="needs labels"):
        evaluate(network, Tracks(audio, tracks.track_ids))
