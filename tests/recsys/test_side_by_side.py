"""Trainings side by side: what each would have been alone.

Where a test asks for the same weights, networks are in float64. In float32, rounding decides the
signs of gradients that are all but zero, and Adam makes whole steps of them.
"""

import dataclasses
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from lemons_processes import full_precision
from lemons_utils import ParameterError
from recsys.dataset import Crops, ResidentAudio, Tracks
from recsys.model import MIN_SAMPLES, LocalStatistics
from recsys.training import course, fit, fit_side_by_side, fresh_network, joined, side_by_side
from recsys.training.joined import training_logits
from recsys.training_options import Options
from tests.recsys.sounds import audio

OPTIONS = Options(n_epochs=3, batch_size=4)
LISTENERS = {  # training tracks: 2, 1 and 3 steps an epoch, last batches of 2, 3 and 4
    "anna": (6, dataclasses.replace(OPTIONS, training_seed=1)),
    "bert": (3, dataclasses.replace(OPTIONS, training_seed=2, n_epochs=5, schedule="cosine")),
    "cleo": (12, dataclasses.replace(OPTIONS, training_seed=3, valid_every=2)),
}


class Listener:
    """One listener's network, tracks and options, and what is reported of the training."""

    def __init__(self, name: str, *, audio=audio, dtype=torch.float64, **changes) -> None:
        tracks, options = LISTENERS[name]
        self.options = dataclasses.replace(options, **changes)
        self.network = fresh_network(self.options.training_seed).to(dtype)
        first = 100 * [*LISTENERS].index(name)
        train, valid = range(first, first + tracks), range(first + 50, first + 54)
        self.crops = Crops(
            audio, *self._labelled(train), input_length=MIN_SAMPLES, seed=options.training_seed
        )
        self.valid = Tracks(audio, *self._labelled(valid))
        self.reports, self.losses = [], []

    @staticmethod
    def _labelled(numbers):
        return [*map(str, numbers)], [number % 2 for number in numbers]

    def data(self):
        return self.network, self.crops, self.valid, self.options

    def callbacks(self):
        return {
            "on_step": lambda step, loss: self.losses.append((step, loss)),
            "on_epoch": self.reports.append,
        }

    def course(self, **more):
        return course(*self.data(), **{**self.callbacks(), **more})

    def alone(self, **more):
        self.best = fit(*self.data(), **{**self.callbacks(), **more})
        return self


def trained_together(listeners, **more):
    found = fit_side_by_side([each.course(**more) for each in listeners])
    for listener, best in zip(listeners, found, strict=True):
        listener.best = best
    return listeners


def assert_same_state(state, other):
    assert state.facts["recipe"] == other.facts["recipe"]
    assert state.tensors.keys() == other.tensors.keys()
    for name, tensor in state.tensors.items():
        torch.testing.assert_close(other.tensors[name], tensor, rtol=1e-7, atol=1e-7, msg=name)


def assert_same(listener, other, *, after=0):
    """Compare what two trainings reported after an epoch, and what they ended with."""
    assert dataclasses.astuple(other.best) == pytest.approx(dataclasses.astuple(listener.best))
    reports = listener.reports[after:]
    assert len(other.reports) == len(reports)
    for one, two in zip(reports, other.reports, strict=True):
        assert (two.epoch, two.step, two.lr, two.is_best) == (
            one.epoch, one.step, one.lr, one.is_best,
        )  # fmt: skip
        assert two.train_loss == pytest.approx(one.train_loss, rel=1e-6)
        assert (two.valid is None) == (one.valid is None)
        if one.valid is not None:
            assert two.valid.numbers() == pytest.approx(one.valid.numbers(), rel=1e-6)
        assert_same_state(one.state, two.state)
    weights = other.network.state_dict()
    for name, tensor in listener.network.state_dict().items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-7, atol=1e-7, msg=name)
    assert not other.network.training


@pytest.fixture(scope="module")
def alone():
    return {name: Listener(name, log_step=1).alone() for name in LISTENERS}


def test_each_is_what_it_is_alone(alone):
    state = torch.get_rng_state()
    together = trained_together([Listener(name, log_step=1) for name in LISTENERS])
    assert torch.equal(state, torch.get_rng_state())
    for listener in together:
        name = [*LISTENERS][listener.options.training_seed - 1]
        assert_same(alone[name], listener)
        for one, two in zip(alone[name].losses, listener.losses, strict=True):
            assert two == pytest.approx(one, rel=1e-6)


def test_the_first_steps_go_together(monkeypatch):
    """Three batches of 4, 3 and 4: the second listener's last batch is its first."""
    taken = []

    def take(steps):
        taken.append([len(step.labels) for step in steps])
        return plain(steps)

    plain = side_by_side.take
    monkeypatch.setattr(side_by_side, "take", take)
    trained_together([Listener(name, n_epochs=1, dtype=torch.float32) for name in LISTENERS])
    assert taken == [[4, 4], [3], [2], [4], [4]]


def test_a_training_that_was_killed_goes_on_to_the_same_weights(alone):
    class Killed(Exception):
        pass

    listeners = [Listener(name) for name in LISTENERS]

    def kill(report):
        listeners[0].reports.append(report)
        if report.epoch == 2:
            raise Killed

    anna, *others = listeners
    courses = [anna.course(on_epoch=kill), *(each.course() for each in others)]
    with pytest.raises(Killed):
        fit_side_by_side(courses)
    epochs = [len(each.reports) for each in listeners]
    assert epochs == [2, 3, 1]  # each stopped elsewhere
    again = [Listener(name) for name in LISTENERS]
    resumed = [
        each.course(resume=before.reports[-1].state)
        for each, before in zip(again, listeners, strict=True)
    ]
    for name, each, best, after in zip(
        LISTENERS, again, fit_side_by_side(resumed), epochs, strict=True
    ):
        each.best = best
        assert_same(alone[name], each, after=after)


def test_what_began_alone_goes_on_together_and_the_other_way_round(alone):
    state = alone["anna"].reports[0].state
    anna, bert = Listener("anna"), Listener("bert")
    anna.best, bert.best = fit_side_by_side([anna.course(resume=state), bert.course()])
    assert_same(alone["anna"], anna, after=1)
    later = Listener("bert").alone(resume=bert.reports[2].state)
    assert_same(alone["bert"], later, after=3)


def test_who_ends_early_by_patience_leaves_the_others_alone(alone):
    idle = {"lr": 1e-12, "patience": 2, "n_epochs": 50}
    expected = Listener("anna", **idle).alone()
    anna, bert = trained_together([Listener("anna", **idle), Listener("bert")])
    assert len(anna.reports) == anna.best.epoch + 2 < 50
    assert_same(expected, anna)
    assert_same(alone["bert"], bert)


def test_a_training_that_fails_does_not_end_the_others(alone):
    broken, bert = Listener("anna"), Listener("bert")
    with torch.no_grad():
        broken.network.fc.bias.fill_(float("nan"))
    failed, best = fit_side_by_side([broken.course(), bert.course()])
    assert isinstance(failed, ParameterError)
    assert "loss became nan in step 1" in str(failed)
    bert.best = best
    assert_same(alone["bert"], bert)


def make_resident(listeners, device):
    heard = [name for each in listeners for name in each.crops.track_ids + each.valid.track_ids]
    resident = ResidentAudio(audio, heard, torch.device(device))
    for each in listeners:
        each.crops.audio = each.valid.audio = resident
    return listeners


def test_audio_that_is_resident_changes_nothing(alone):
    anna, bert = trained_together(make_resident([Listener("anna"), Listener("bert")], "cpu"))
    assert_same(alone["anna"], anna)
    assert_same(alone["bert"], bert)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-11), (torch.float32, 1e-4)])
def test_logits_gradients_and_statistics_are_those_of_each_network(dtype, bound):
    generator = torch.Generator().manual_seed(0)
    waveforms = 0.1 * torch.randn(3, 5, MIN_SAMPLES, generator=generator)
    joined, plain = (
        [Listener(name, dtype=dtype).network.train() for name in LISTENERS] for _ in range(2)
    )
    for each in [*joined, *plain]:
        each.dropout.p = 0.0
    logits = training_logits(joined, waveforms, [nullcontext()] * 3)
    expected = torch.stack([each(some)[:, 0] for each, some in zip(plain, waveforms, strict=True)])
    torch.testing.assert_close(logits, expected, rtol=0, atol=bound)
    for some in (logits, expected):
        (some * torch.linspace(-1, 1, 5)).sum().backward()
    for one, other in zip(plain, joined, strict=True):
        for (name, ours), theirs in zip(other.named_parameters(), one.parameters(), strict=True):
            if dtype == torch.float64 or name.startswith("fc"):
                torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=bound, msg=name)
        for ours, theirs in zip(other.buffers(), one.buffers(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def assert_near(listener, other, *, loss, logits):
    """Compare trainings of few epochs in which rounding differs."""
    for one, two in zip(listener.reports, other.reports, strict=True):
        assert two.train_loss == pytest.approx(one.train_loss, abs=loss)
        if one.valid is not None:
            np.testing.assert_allclose(two.valid.logits, one.valid.logits, atol=logits)


@pytest.mark.parametrize(
    ("precision", "loss", "logits"), [("float32", 5e-3, 0.2), ("bfloat16", 0.1, 0.5)]
)
def test_in_lower_precision_few_epochs_are_near(precision, loss, logits):
    """Adam takes whole steps along gradients that only rounding keeps from zero, as `spec_bn`'s."""
    how = {"dtype": torch.float32, "precision": precision}
    together = trained_together([Listener(name, **how) for name in LISTENERS])
    for name, listener in zip(LISTENERS, together, strict=True):
        assert_near(Listener(name, **how).alone(), listener, loss=loss, logits=logits)


@pytest.fixture
def compiled_by(monkeypatch):
    """Call PyTorch's compiler in another way, in this test alone."""

    def how(**options) -> None:
        monkeypatch.setattr(joined, "COMPILER", {"dynamic": False, "fullgraph": True, **options})
        joined._compiled.cache_clear()

    yield how
    joined._compiled.cache_clear()


def test_compiled_trainings_are_the_plain_ones(compiled_by, alone):
    compiled_by(backend="aot_eager")  # the same graphs, without what is written in C++
    first, *others = (
        Listener(name, log_step=1, compiled=True) for name in ("bert", "anna", "cleo")
    )
    assert_same(alone["bert"], first.alone())
    for name, other in zip(("anna", "cleo"), trained_together(others), strict=True):
        assert_same(alone[name], other)
    assert joined._compiled.cache_info().hits > 0


def test_as_many_sizes_are_compiled_as_there_are(compiled_by, monkeypatch):
    compiled_by(backend="eager")
    monkeypatch.setattr(joined, "_maps", lambda networks, log_mel: 2 * log_mel)
    for crops in range(1, 21):  # PyTorch ends at eight of itself
        assert joined._compiled_maps([], torch.ones(crops, 1, 2, 3)).sum() == 12 * crops


def test_a_compiler_that_fails_is_one_line_and_leaves_the_others_alone(compiled_by, alone):
    def fail(graph, inputs):
        raise RuntimeError("no g++ here\nand more")

    compiled_by(backend=fail)
    said = r"failed \(no g\+\+ here\): it needs one of C\+\+"
    with pytest.raises(ParameterError, match=said):
        Listener("anna", compiled=True).alone()
    bert, anna = Listener("bert", log_step=1), Listener("anna", compiled=True)
    bert.best, failed = fit_side_by_side([bert.course(), anna.course()])
    assert_same(alone["bert"], bert)
    assert isinstance(failed, ParameterError) and "g++" in str(failed)


@pytest.mark.parametrize(
    ("dtype", "loss", "logits"), [(torch.float64, 1e-5, 1e-4), (torch.float32, 0.02, 0.4)]
)
def test_on_a_gpu_few_epochs_are_near_those_of_a_cpu(gpu, dtype, loss, logits):
    """Without dropout, which a GPU draws by other numbers, and without TF32.

    In float32, initial weights that differ by 1e-5 move the logits by 0.2 on a CPU alone.
    """

    def trained(device):
        listeners = [Listener(name, dtype=dtype, device=device) for name in LISTENERS]
        for each in listeners:
            each.network.dropout.p = 0.0
        return trained_together(make_resident(listeners, device))

    with full_precision():
        for here, there in zip(trained("cpu"), trained(str(gpu)), strict=True):
            assert_near(here, there, loss=loss, logits=logits)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_compiled_trainings_are_near_the_plain_ones():
    def trained(**how):
        listeners = [Listener(name, device="cuda", **how) for name in LISTENERS]
        return trained_together(make_resident(listeners, "cuda"))

    for plain, compiled in zip(trained(), trained(compiled=True), strict=True):
        assert_near(plain, compiled, loss=1e-5, logits=1e-4)


def test_on_a_gpu_each_is_what_it_is_alone_and_goes_on_after_a_kill(gpu):
    """With dropout, whose numbers are the same on one device."""
    alone = [Listener(name, device=str(gpu)).alone() for name in LISTENERS]
    again = [Listener(name, device=str(gpu)) for name in LISTENERS]
    courses = [
        each.course(resume=before.reports[0].state)
        for each, before in zip(again, alone, strict=True)
    ]
    for before, each, best in zip(alone, again, fit_side_by_side(courses), strict=True):
        each.best = best
        assert each.best.epoch == before.best.epoch
        for one, two in zip(before.reports[1:], each.reports, strict=True):
            assert two.train_loss == pytest.approx(one.train_loss, abs=1e-5)


def test_only_networks_that_can_be_joined_are_taken():
    anna, bert = Listener("anna"), Listener("bert")
    anna.network = LocalStatistics()
    with pytest.raises(ParameterError, match="only an FCN trains side by side"):
        trained_together([anna, bert])
    anna = Listener("anna")
    anna.network.spec.mel.mel_scale.fb *= 2
    with pytest.raises(ParameterError, match="different filters"):
        trained_together([anna, bert])
