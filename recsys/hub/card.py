"""The page of a model: what is in its JSON card, for people, in the format of Hugging Face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_METRICS = {"valid_auc": "AUC", "valid_map": "MAP", "valid_loss": "binary cross-entropy"}

_USES = {
    "listener": "Scores any track by its sound: the relevance, in [0, 1], for this one listener.\n"
    "\n```python\nfrom pathlib import Path\n\nfrom recsys.checkpoint import load_model\n\n"
    'network, card = load_model(Path("best_model.safetensors"))\n'
    "logits = network(waveforms)  # float32 [batch, samples], 16 kHz, in [-1, 1]\n```",
    "trunk": "Directions of local statistics that the listeners of a catalogue share. It has no "
    "labels and says nothing of anybody; a listener's head on it is a model.\n\n"
    "```python\nfrom pathlib import Path\n\nfrom recsys.heads import read_trunk\n\n"
    'trunk = read_trunk(Path("trunk.safetensors"))\n```',
}
_LIMITS = {
    "listener": "A model is one person's taste, learnt from what was played; it does not know why. "
    "It has heard the tracks of one catalogue, whose music may differ from yours. With few "
    "validation tracks the numbers above are uncertain: evaluate it on tracks of your own. Weights "
    "can tell which music somebody listens to: ask before you publish somebody's.",
    "trunk": "It was made of the tracks of one catalogue; on very different music, heads on it are "
    "worse. The identifiers of these tracks are in its card.",
}

OF_EPOCHS = (
    *("input_length", "batch_size", "n_epochs", "patience", "valid_every", "lr", "wd"),
    *("schedule", "precision", "compiled", "training_seed", "model_load_path", "device"),
)
"""Options of trainings in epochs, which say nothing of a head that was fitted in one go."""


def card_page(card: Mapping[str, Any]) -> str:
    """Return a model's or a trunk's page as Markdown, with metadata in YAML on top.

    Parameters
    ----------
    card : mapping
        As `checkpoint.save_model` writes it.
    """
    return "\n".join(_lines(card)) + "\n"


def _lines(card: Mapping[str, Any]) -> Iterator[str]:
    config = card.get("config", {})
    catalogue, user_name = config.get("catalogue", "?"), config.get("user_name")
    kind = "listener" if user_name else "trunk"
    name = f"{user_name} on {catalogue}" if user_name else f"trunk {card.get('name', catalogue)}"
    numbers = card.get("metrics", {})
    metrics = {label: numbers[key] for key, label in _METRICS.items() if key in numbers}
    yield from _metadata(name, catalogue, metrics)
    yield from ("", f"# LEMONS: {name}", "", _USES[kind])
    if metrics:
        yield from (
            "",
            "## Results on the validation tracks",
            "",
            "| metric | value |",
            "|---|---|",
        )
        yield from (f"| {label} | {value:.3f} |" for label, value in metrics.items())
    yield from ("", "## Training", "", "| option | value |", "|---|---|")
    in_one_go = config.get("recipe") == "lemons" and not config.get("finetune_epochs")
    without = OF_EPOCHS if in_one_go else ()
    for option, value in config.items():
        if option not in without:
            yield f"| `{option}` | {_text(value)} |"
    for key in ("split_checksum", "sample_checksum", "started", "finished", "epochs", "seconds"):
        if card.get(key) is not None:
            yield f"| {key.replace('_', ' ')} | {_text(card[key])} |"
    yield from ("", "## Limits", "", _LIMITS[kind])
    yield from ("", "## Made by", "")
    made = {name: version for name, version in card.get("versions", {}).items() if version}
    yield f"LEMONS, commit {card.get('git_commit') or 'unknown'}; " + ", ".join(
        f"{package} {version}" for package, version in made.items()
    )
    yield f"\nSHA-256 of the weights: `{card.get('model_checksum', '')}`"
    yield "\nBuilt on: Melchiorre, Haunschmid, Schedl, Widmer, [LEMONS: Listenable Explanations for"
    yield "Music recOmmeNder Systems](https://doi.org/10.1007/978-3-030-72240-1_60), ECIR 2021."


def _metadata(name: str, catalogue: str, metrics: Mapping[str, float]) -> Iterator[str]:
    yield from ("---", "license: mit", "library_name: lemons")
    yield from ("tags:", "- music", "- recommender-systems", "- explainability")
    if metrics:
        yield from ("model-index:", f"- name: {_quoted(name)}", "  results:")
        yield from ("  - task:", "      type: audio-classification", "    dataset:")
        yield from (f"      name: {_quoted(catalogue)}", f"      type: {_quoted(catalogue)}")
        yield "    metrics:"
        for label, value in metrics.items():
            yield from (f"    - type: {_quoted(label)}", f"      value: {value:.6f}")
    yield "---"


def _quoted(text: str) -> str:
    return "'" + str(text).replace("'", "''").replace("\n", " ") + "'"


def _text(value: object) -> str:
    return str(value).replace("|", r"\|").replace("\n", " ")
