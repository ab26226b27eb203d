"""Hand out a model: to a folder, or to the Hugging Face hub.

`python -m recsys.hub --user_name marko --catalogue demo --out FOLDER` writes what a repository of
models holds: weights, card and page. `--to OWNER/NAME` uploads the same, with the package
huggingface_hub and the account that it knows. Nothing is uploaded unless `--to` is given.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lemons_places import install, typed_path
from lemons_utils import DataError, ParameterError, command, configuration, write_beside
from recsys import checkpoint
from recsys.experiments import find_model
from recsys.hub.card import card_page


def write_repository(weights: Path, folder: Path) -> list[Path]:
    """Write weights, card and page of a model or a trunk into a folder; return the files.

    Raises
    ------
    DataError
        If the weights have no card, or the card is another model's.
    ParameterError
        If the folder holds another model.
    """
    card = checkpoint.read_card(weights)
    checkpoint.stored_card(weights)
    target = folder / weights.name
    if target.exists() and checkpoint.read_card(target) != card:
        raise ParameterError(f"{folder} holds another model: name an empty folder")
    contents = {
        target: weights.read_bytes(),
        target.with_suffix(".json"): weights.with_suffix(".json").read_bytes(),
        folder / "README.md": card_page(card).encode(),
    }
    for path, content in contents.items():
        with write_beside(path) as temporary:
            temporary.write_bytes(content)
    return list(contents)


def push_to_hub(weights: Path, repository: str, *, private: bool = True) -> str:
    """Upload a model or a trunk with its card and page to the Hugging Face hub.

    Parameters
    ----------
    weights : Path
        A file of weights with its card beside.
    repository : str
        OWNER/NAME; made if there is none.
    private : bool
        Whether a new repository is private.

    Returns
    -------
    str, where it is

    Raises
    ------
    DataError
        If huggingface_hub is not installed, or the upload fails.
    """
    try:
        hub: Any = importlib.import_module("huggingface_hub")
    except ModuleNotFoundError as error:
        raise DataError(f"an upload needs huggingface_hub: {install('hub')}") from error
    # What the hub answers is an OSError; that nothing answers is one in older releases alone.
    unreachable = getattr(getattr(hub, "errors", None), "HTTPError", OSError)
    with tempfile.TemporaryDirectory() as folder:
        write_repository(weights, Path(folder))
        try:
            api = hub.HfApi()
            api.create_repo(repository, private=private, exist_ok=True)
            return str(api.upload_folder(repo_id=repository, folder_path=folder))
        except (OSError, ValueError, unreachable) as error:
            raise DataError(f"{repository} was not uploaded: {error}") from error


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    config = configuration()
    if options.model:
        weights = checkpoint.weights_path(options.model)
    elif options.user_name:
        found = find_model(
            config.experiments, catalogue=options.catalogue, user_name=options.user_name
        )
        print(found.line)
        weights = found.path
    else:
        raise ParameterError("say which model: --user_name NAME, or --model PATH")
    if options.to:
        print(push_to_hub(weights, options.to, private=not options.public))
    else:
        for path in write_repository(weights, options.out):
            print(path)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.hub",
        description="Write a model with its card and page into a folder, or upload it.",
    )
    parser.add_argument("--user_name", metavar="NAME", help="whose current model")
    parser.add_argument("--catalogue", metavar="NAME", default="demo", help="(default: demo)")
    parser.add_argument(
        "--model", metavar="PATH", type=Path, help="weights or an experiment, or a trunk's weights"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", metavar="FOLDER", type=typed_path, help="write it there")
    where.add_argument("--to", metavar="OWNER/NAME", help="upload it to the Hugging Face hub")
    parser.add_argument("--public", action="store_true", help="a new repository is for everybody")
    return parser.parse_args(arguments)
