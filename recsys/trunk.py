"""Make a catalogue's trunk, and fit a new listener's head to it from a list of tracks.

`python -m recsys.trunk --catalogue NAME` makes the trunk that the heads of all listeners of the
catalogue share, and computes the coordinates of every track. `--user_name ana --liked ...` makes a
model for somebody without a listening history, from three liked tracks on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lemons_commands import print_next
from lemons_jobs import Workers, add_options, workers_of
from lemons_utils import Configuration, DataError, ParameterError, command, configuration
from recsys import checkpoint, experiment, heads, listening, progress
from recsys.catalogue import Catalogue, check_name, open_catalogue
from recsys.experiments import settle, start
from recsys.heads import Trunk, fit_head
from recsys.listening.matching import strict_key


def add_listener(
    user_name: str,
    trunk: Trunk,
    catalogue: Catalogue,
    *,
    liked: Sequence[str],
    disliked: Sequence[str] = (),
    experiments: Path,
) -> Path:
    """Make a model for a listener without a split, which is the current one from now on.

    Parameters
    ----------
    user_name : str
    trunk, catalogue, liked, disliked
        See `fit_head`.
    experiments : Path
        Parent of the experiments' folders.

    Returns
    -------
    Path of the experiment's folder

    Raises
    ------
    ParameterError
        As `fit_head`, or if the name cannot be one or is that of a listener with a split.
    """
    check_name(user_name, "user_name")
    if listening.split_path(catalogue, user_name).is_file():
        raise ParameterError(
            f"{user_name} has a listening history in catalogue {catalogue.name}: "
            f"`python -m recsys.experiment with user_name={user_name} catalogue={catalogue.name} "
            "recipe=lemons` fits a model to it; choose another name"
        )
    started = time.perf_counter()
    head = fit_head(trunk, catalogue, liked=liked, disliked=disliked)
    own = "" if trunk.name == catalogue.name else trunk.name
    options = experiment.options_of(
        {"user_name": user_name, "catalogue": catalogue.name, "recipe": "lemons", "trunk": own}
    )
    folder = start(experiments, options)
    card = checkpoint.make_card(
        config=options,
        metrics={},
        started=folder.started,
        finished=checkpoint.utc_now(),
        seconds=round(time.perf_counter() - started, 1),
        model="statistics",
        trunk=trunk.entry(head),
        liked=list(liked),
        disliked=list(disliked),
    )
    checkpoint.save_model(folder.path / checkpoint.BEST_MODEL, trunk.model(head), card)
    print(settle(folder, use=True))
    return folder.path


def find_tracks(catalogue: Catalogue, given: Sequence[str]) -> list[str]:
    """Return the ids of tracks by id, by title or by `artist - title`, or from files of such lines.

    Raises
    ------
    DataError
        If a name fits no track, or a title several.
    """
    names = [name for each in given for name in _lines(each)]
    tracks = catalogue.columns("track_id", "title", "artist")
    by_name: dict[str, list[str]] = {}
    for track_id, title, artist in tracks.itertuples(index=False):
        for name in {track_id, strict_key(title), strict_key(f"{artist} {title}")} - {""}:
            by_name.setdefault(name, []).append(track_id)
    found = [by_name.get(name) or by_name.get(strict_key(name), []) for name in names]
    unknown = [name for name, ids in zip(names, found, strict=True) if not ids]
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise DataError(
            f"catalogue {catalogue.name} has no track {', '.join(map(repr, unknown[:3]))}{more}: "
            "name tracks by id, title or 'artist - title'"
        )
    for name, ids in zip(names, found, strict=True):
        if len(ids) > 1:
            raise DataError(
                f"{len(ids)} tracks are called {name!r}: name one by 'artist - title' or by its "
                f"id, e.g. {ids[0]}"
            )
    return list(dict.fromkeys(ids[0] for ids in found))


def _lines(given: str) -> list[str]:
    """Return the lines of a file of that name, or what is given itself."""
    path = Path(given).expanduser()
    try:
        if not path.is_file():
            return [given]
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{given} cannot be read as lines of text: {error}") from error
    return [line.strip() for line in lines if line.strip()]


# -- the command -------------------------------------------------------------------------------
@command
def main(arguments: Sequence[str] | None = None) -> None:
    """Run `python -m recsys.trunk`."""
    options, settings = _parse(arguments), configuration()
    catalogue = open_catalogue(options.catalogue, data_folder=settings.data_folder)
    if options.user_name is None:
        if options.liked or options.disliked:
            raise ParameterError("--liked and --disliked need --user_name: whose model is it?")
        _make(catalogue, options, settings, workers_of(options))
        return
    liked = find_tracks(catalogue, options.liked)
    disliked = find_tracks(catalogue, options.disliked)
    trunk = heads.open_trunk(settings.experiments, catalogue, options.name)
    path = add_listener(
        options.user_name, trunk, catalogue,
        liked=liked, disliked=disliked, experiments=settings.experiments,
    )  # fmt: skip
    print(
        f"{options.user_name}: head fitted to {len(liked)} liked and {len(disliked)} disliked "
        f"tracks: {path}"
    )
    print_next(f"recsys.predict --user_name {options.user_name} --catalogue {catalogue.name}")


def _make(
    catalogue: Catalogue, options: argparse.Namespace, settings: Configuration, workers: Workers
) -> None:
    """Make the trunk and compute the coordinates of every track, as far as they are missing."""
    home, name = settings.experiments, options.name or catalogue.name
    path = heads.trunk_path(home, name)
    if options.anew or (not path.is_file() and name != catalogue.name):
        heads.write_trunk(path, heads.make_trunk(catalogue, name))
    trunk = heads.open_trunk(home, catalogue, name)
    made_of = f"{len(trunk.sample)} tracks of catalogue {trunk.catalogue}"
    print(f"trunk {name}: {len(trunk.directions)} directions of {made_of}: {path}", flush=True)
    with progress.shown(catalogue.count, unit="track", about="coordinates") as on_progress:
        features = heads.complete_features(
            trunk, catalogue, workers=workers, on_progress=on_progress
        )
    print(f"coordinates of {catalogue.count:,} tracks: {features}")
    own = "" if name == catalogue.name else f" --trunk {name}"
    print_next(
        f"recsys.train_all --catalogue {catalogue.name} --recipe lemons{own}",
        why="fits everybody's head",
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m recsys.trunk",
        description="Make a catalogue's trunk, or a new listener's model from a list of tracks.",
    )
    parser.add_argument("--catalogue", required=True, metavar="NAME", help="whose tracks")
    parser.add_argument("--name", default="", metavar="NAME", help="of the trunk (the catalogue's)")
    parser.add_argument("--anew", action="store_true", help="make the trunk again: after many new "
                        "tracks, say; heads have to be fitted again then")  # fmt: skip
    add_options(parser, jobs=1)
    group = parser.add_argument_group("a new listener")
    group.add_argument("--user_name", metavar="NAME", help="who gets a model")
    for name, what in (("liked", "three or more tracks"), ("disliked", "tracks")):
        group.add_argument(f"--{name}", nargs="+", default=[], metavar="TRACK", help=f"{what}: "
                           "ids, titles, 'artist - title', or files of such lines")  # fmt: skip
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
