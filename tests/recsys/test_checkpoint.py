import json
import pickle
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import pytest
import torch
from safetensors.torch import load_file, save_file

from lemons_utils import DataError, ParameterError, checksum
from recsys import checkpoint
from recsys.checkpoint import (
    BEST_MODEL,
    LAST_STATE,
    load_model,
    load_state,
    make_card,
    remove_leftovers,
    save_model,
    save_state,
)
from recsys.model import FCN, PER_BAND, LocalStatistics, Network
from recsys.training import TrainingState, fresh_network

CONFIG = {"catalogue": "demo", "user_name": "marko", "lr": 1e-3}


@pytest.fixture(scope="module")
def network():
    return fresh_network(5)


@pytest.fixture
def saved(network, tmp_path):
    path = tmp_path / BEST_MODEL
    card = save_model(path, network, make_card(config=CONFIG, metrics={"auc": 0.9}))
    return path, card


def same(one: Network, other: Network) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def test_a_card_has_the_time_of_the_start_in_utc():
    card = make_card(config=CONFIG, metrics={})
    started = datetime.fromisoformat(card["started"])
    assert started.utcoffset() == timedelta() and datetime.now(UTC) - started < timedelta(minutes=1)
    assert make_card(config=CONFIG, metrics={}, started="before")["started"] == "before"


def test_model_and_card_come_back(network, saved):
    path, card = saved
    for where in (path, path.parent):
        loaded, read = load_model(where)
        assert not loaded.training
        assert same(loaded, network)
        assert read == card
    assert card["config"] == CONFIG
    assert card["model_checksum"] == checksum(path)
    assert card["versions"]["torch"] == version("torch")  # `torch.__version__` may add the build
    assert json.loads(path.with_suffix(".json").read_text()) == card


def test_same_weights_make_the_same_file(network, saved, tmp_path):
    other = tmp_path / "other.safetensors"
    save_model(other, network.state_dict(), {"trained": "later"})
    assert other.read_bytes() == saved[0].read_bytes()


def test_bare_golden_weights_load(golden_folder):
    path = golden_folder / "fcn_state_dict.safetensors"
    network, card = load_model(path)
    assert card == {"model_checksum": checksum(path)}
    expected = load_file(path)
    assert all(torch.equal(tensor, expected[k]) for k, tensor in network.state_dict().items())


def test_published_pth_loads(golden_folder, tmp_path):
    weights = load_file(golden_folder / "fcn_state_dict.safetensors")
    torch.save(weights, tmp_path / "best_model.pth")
    network, _ = load_model(tmp_path / "best_model.pth")
    assert all(torch.equal(tensor, weights[k]) for k, tensor in network.state_dict().items())


@pytest.fixture(params=["fixed", "fine-tuned"])
def statistics_head(tmp_path, request):
    """A head on local statistics, and where it is saved."""
    network = LocalStatistics(tuned=request.param == "fine-tuned")
    if request.param == "fine-tuned":
        torch.nn.init.normal_(network.kernel, generator=torch.Generator().manual_seed(4))
    torch.nn.init.normal_(network.fc.weight, generator=torch.Generator().manual_seed(3))
    torch.nn.init.constant_(network.fc.bias, 0.5)
    card = save_model(tmp_path / BEST_MODEL, network, make_card(config=CONFIG, metrics={}))
    return network, tmp_path / BEST_MODEL, card


def test_a_head_on_statistics_comes_back(statistics_head):
    network, path, card = statistics_head
    for where in (path, path.parent):
        loaded, read = load_model(where)
        assert isinstance(loaded, LocalStatistics) and not loaded.training
        assert same(loaded, network)
        assert read == card


def test_a_head_of_older_loudness_is_refused_and_one_without_is_not(statistics_head):
    network, path, _ = statistics_head
    save_model(path, network, make_card(config=CONFIG, metrics={}, model="statistics", format="1"))
    with pytest.raises(DataError, match="of older statistics of loudness: train the model again"):
        load_model(path)
    network.fc.weight.data[:, -PER_BAND:] = 0.0
    save_model(path, network, make_card(config=CONFIG, metrics={}, model="statistics"))
    assert same(load_model(path)[0], network)


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_a_head_on_statistics_loads_as_a_bare_state_dict(suffix, statistics_head, tmp_path):
    network = statistics_head[0]
    torch.save(network.state_dict(), tmp_path / f"head{suffix}")
    assert same(load_model(tmp_path / f"head{suffix}")[0], network)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_head_is_told(share, statistics_head):
    path = statistics_head[1]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="cannot be read as weights"):
        load_model(path)


def test_weights_of_neither_network_are_told(statistics_head):
    network, path, _ = statistics_head
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    path.with_suffix(".json").unlink()
    save_file({**weights, "fc.weight": torch.zeros(1, 5)}, path)
    with pytest.raises(DataError, match=r"fc.weight is \[1, 5\] instead of \[1, 1235\]"):
        load_model(path)
    save_file({"fc.weight": weights["fc.weight"]}, path)
    with pytest.raises(DataError, match="holds no weights of this network"):
        load_model(path)
    save_file({**weights, "more": torch.zeros(1)}, path)
    with pytest.raises(DataError, match="holds no weights of this network"):
        load_model(path)


def test_weights_of_one_network_do_not_fill_the_other(statistics_head, golden_folder):
    head, path, _ = statistics_head
    with pytest.raises(DataError, match="holds no weights of this network"):
        checkpoint.load_weights(FCN(), path)
    with pytest.raises(DataError, match="holds no weights of this network"):
        checkpoint.load_weights(head, golden_folder / "fcn_state_dict.safetensors")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def write_wrong(path, case, network):
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    if case == "missing":
        return
    if case == "text":
        path.write_text("no weights")
    elif case == "cut":
        save_file(weights, path)
        path.write_bytes(path.read_bytes()[:10_000])
    elif case == "names":
        save_file({"elsewhere": weights["fc.weight"]}, path)
    elif case == "shape":
        save_file({**weights, "fc.weight": torch.zeros(1, 64)}, path)
    elif case in ("int64", "complex64"):
        save_file({**weights, "fc.weight": torch.ones(1, 128, dtype=getattr(torch, case))}, path)
    elif case == "pickle":
        path.write_bytes(pickle.dumps(Bomb(), protocol=2))
    elif case == "bomb":
        torch.save({"fc.weight": Bomb()}, path)
    elif case == "checkpoint":
        torch.save({"epoch": 3, "weights": weights}, path)


@pytest.mark.parametrize(
    ("case", "suffix", "says"),
    [
        ("missing", ".safetensors", "there are no weights at"),
        ("text", ".txt", r"\.safetensors or \.pth files"),
        ("text", ".safetensors", "cannot be read as weights"),
        ("text", ".pth", "cannot be read as weights"),
        ("cut", ".safetensors", "cannot be read as weights"),
        ("names", ".safetensors", "missing fc.bias, .* unknown elsewhere"),
        ("shape", ".safetensors", r"fc\.weight is \[1, 64\] instead of \[1, 128\]"),
        ("int64", ".safetensors", r"fc\.weight is int64 instead of float32"),
        ("complex64", ".safetensors", r"fc\.weight is complex64 instead of float32"),
        ("pickle", ".pth", "cannot be read as weights: .* could run a program; save model"),
        ("bomb", ".pth", "cannot be read as weights: .* could run a program; save model"),
        ("checkpoint", ".pth", "no state dict"),
    ],
)
def test_wrong_files_are_said_in_one_line(network, tmp_path, case, suffix, says):
    path = tmp_path / f"model{suffix}"
    write_wrong(path, case, network)
    with pytest.raises(DataError, match=says) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_the_card_is_written_last(network, tmp_path, monkeypatch):
    """Whoever is killed before it writes everything again, the page too."""
    monkeypatch.setattr(checkpoint.weights, "card_page", lambda card: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_model(tmp_path / BEST_MODEL, network, make_card(config=CONFIG, metrics={}))
    assert (tmp_path / BEST_MODEL).is_file() and not (tmp_path / "best_model.json").exists()


def test_card_of_other_weights_is_refused(saved):
    path, _ = saved
    save_file({k: v.contiguous() for k, v in fresh_network(6).state_dict().items()}, path)
    with pytest.raises(DataError, match="describes other weights"):
        load_model(path)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_broken_card_is_said(saved, text):
    path, _ = saved
    path.with_suffix(".json").write_text(text)
    with pytest.raises(DataError, match="no model card"):
        load_model(path)


def test_weights_have_their_suffix(network, tmp_path):
    with pytest.raises(ParameterError, match=r"ends in \.safetensors"):
        save_model(tmp_path / "model.pth", network, {})


def test_state_comes_back(tmp_path):
    tensors = {
        "network.weight": torch.randn(4, 3).T,
        "random.cpu": torch.get_rng_state(),
        "optimizer.step.weight": torch.tensor(7.0),
    }
    facts = {"epoch": 2, "best": {"auc": 0.1 + 0.2}, "recipe": {"lr": 1e-3}}
    save_state(tmp_path / LAST_STATE, TrainingState(tensors, facts))
    state = load_state(tmp_path / LAST_STATE)
    assert state.facts == facts
    assert state.tensors.keys() == tensors.keys()
    assert all(torch.equal(state.tensors[name], tensors[name]) for name in tensors)
    assert [path.name for path in tmp_path.iterdir()] == [LAST_STATE]


def test_state_that_is_none_is_said(saved, tmp_path):
    with pytest.raises(DataError, match="no training to resume"):
        load_state(tmp_path / "nowhere.safetensors")
    with pytest.raises(DataError, match="holds no state"):
        load_state(saved[0])  # weights alone
    (tmp_path / "text.safetensors").write_text("text")
    with pytest.raises(DataError, match="holds no state"):
        load_state(tmp_path / "text.safetensors")


def test_a_changed_bit_of_a_state_is_found(tmp_path, rng):
    tensors = {"a": torch.arange(1000.0), "b": torch.tensor(3), "c": torch.tensor([True, False])}
    path = tmp_path / LAST_STATE
    save_state(path, TrainingState(tensors, {"epoch": 2}))
    content = path.read_bytes()
    for at in [*rng.integers(8, len(content), 200), content.index(b"epoch")]:
        changed = bytearray(content)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        with pytest.raises(DataError, match="remove it"):
            load_state(path)


def test_files_are_as_open_as_others(network, tmp_path):
    save_model(tmp_path / BEST_MODEL, network, {})
    save_state(tmp_path / LAST_STATE, TrainingState({}, {}))
    (tmp_path / "other").touch()
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert set(modes.values()) == {modes["other"]}, modes


def test_leftovers_of_a_kill_go_and_nothing_else(saved):
    folder = saved[0].parent
    for name in (
        ".last.0123456789ab.safetensors",
        ".best_model.0123456789ab.json",
        ".best_model.0123456789ab.md",
    ):
        (folder / name).write_text("half")
    (folder / ".other.0123456789ab.json").write_text("somebody else's")
    remove_leftovers(folder)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [".other.0123456789ab.json", "best_model.json", "best_model.md", BEST_MODEL]
