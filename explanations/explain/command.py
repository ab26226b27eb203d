"""Explain one audio file or one track, and write what to hear.

python -m explanations.explain --user_name marko song.mp3
python -m explanations.explain --user_name marko --catalogue demo --track TRACK_ID
"""

from __future__ import annotations

import argparse
from pathlib import Path

from audiolime.components import KINDS
from explanations.explain.answers import ENGINES
from explanations.explain.picture import draw
from explanations.explain.playback import write_playback
from explanations.explain.recording import read_recording
from explanations.explain.track import explain_recording
from explanations.explanation import PAIRS_SHOWN
from explanations.listeners import load_listener
from explanations.stems import NAMES
from explanations.store import TITLES, Explanation, Store
from lemons_commands import print_next
from lemons_places import typed_path
from lemons_utils import SAMPLE_RATE, ParameterError, command, configuration

LOW_FIDELITY = 0.5


@command
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    config = configuration()
    # A missing model is reported before any audio is read.
    listener = load_listener(
        options.user_name,
        catalogue=options.catalogue,
        experiments=config.experiments,
        model_path=options.model,
        device=options.device,
    )
    print(listener.found.line)
    recording = read_recording(
        options.track or options.audio,
        catalogue=options.catalogue,
        separator=options.separator,
        config=config,
        excerpt_s=options.excerpt_s,
    )
    title, duration_s = recording.title, len(recording.audio) / SAMPLE_RATE
    if duration_s < recording.full_s:
        print(
            f"taking the centre {options.excerpt_s:g} s of {recording.full_s:.1f} s "
            "(--excerpt_s 0 takes all)"
        )
    stem, stem_names = options.query_instrument, recording.separator.stem_names
    if stem is not None and stem not in stem_names:
        raise ParameterError(
            f"query_instrument must be one of {', '.join(stem_names)}, got {stem!r}"
        )
    print(f"{title}: {duration_s:.1f} s, separator {recording.separator.name}")
    folder = options.out or Path(f"explanation-{options.user_name}-{_plain(title)}")
    explanation, subject = explain_recording(
        listener,
        recording,
        kind=options.type,
        catalogue=options.catalogue,
        n_segments=options.n_segments,
        engine=options.engine,
        num_samples=read_num_samples(options.num_samples),
        random_state=options.random_state,
        store=Store(folder) if options.keep else None,
        config=config,
        on_progress=_print_step,
    )
    print(_table(explanation, options.user_name))
    stems = subject.stems.waveforms
    picture = folder / f"{options.type}.png"
    files = write_playback(explanation, stems, folder, query_instrument=options.query_instrument)
    files.append(picture)
    draw(explanation, stems, picture, title=title)
    print("wrote " + ", ".join(str(path) for path in files))
    print_next("explanations.launch")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m explanations.explain",
        description="Explain why a listener's model recommends a track, and write what to hear.",
    )
    parser.add_argument("audio", nargs="?", type=Path, help="any audio file")
    parser.add_argument("--user_name", metavar="NAME", required=True, help="whose model to explain")
    parser.add_argument(
        "--catalogue",
        metavar="NAME",
        default="demo",
        help="where the model comes from (%(default)s)",
    )
    parser.add_argument(
        "--track", metavar="ID", help="explain this track of the catalogue, not a file"
    )
    parser.add_argument(
        "--type", choices=KINDS, default="time_source",
        help="weigh segments of time, stems, or each stem in each segment (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--model",
        metavar="PATH",
        type=Path,
        help="weights or an experiment; by default the current one",
    )
    parser.add_argument(
        "--query_instrument", metavar="STEM", help="also write the top 3 of this stem alone"
    )
    add_settings(parser)
    parser.add_argument(
        "--excerpt_s", metavar="S", type=float, default=30.0,
        help="take the centre S seconds of a longer file, 0 all of it (%(default)g)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="DIR", type=typed_path, help="folder for what is written")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="also write JSON, and what-if tables that are not shared",
    )
    options = parser.parse_args(arguments)
    if options.query_instrument and options.type != "time_source":
        raise ParameterError("--query_instrument goes with --type time_source alone")
    if (options.audio is None) == (options.track is None):
        raise ParameterError("name either an audio file or a track of the catalogue (--track)")
    return options


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a track is explained."""
    parser.add_argument(
        "--separator", choices=NAMES,
        help="what makes the stems: by default those that are there, truth for the demo band, "
        "or hybrid",
    )  # fmt: skip
    parser.add_argument(
        "--n_segments", metavar="N", type=int, default=5, help="segments of time (%(default)s)"
    )
    parser.add_argument(
        "--engine", choices=ENGINES, default="exact",
        help="answer masks from tables, or by a pass of the network each (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--num_samples", metavar="N",
        help="masks: a number, or 'exhaustive' for all; by default what is best",
    )  # fmt: skip
    parser.add_argument(
        "--random_state", metavar="SEED", type=int, default=0,
        help="seed of masks that are drawn (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--device", default="auto", help="where masks are answered: cpu, cuda or auto (%(default)s)"
    )


def read_num_samples(text: str | None) -> int | str | None:
    """Read what a command line says of `num_samples`: a number, 'exhaustive' or nothing."""
    if text is None or text == "exhaustive":
        return text
    if not text.isdigit() or int(text) < 1:
        raise ParameterError(f"num_samples must be a number or 'exhaustive', got {text!r}")
    return int(text)


def _plain(title: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in title).strip("_")[:60] or "track"


def _print_step(step: str, share: float) -> None:
    if not share:
        print(f"  {step} ...", flush=True)


def _table(explanation: Explanation, user_name: str) -> str:
    """Lay out relevance, fidelity and weights to read."""
    masks, with_pairs = explanation.request.num_samples, ""
    if explanation.fidelity_with_pairs is not None:
        with_pairs = f" (with pairs {explanation.fidelity_with_pairs:.3f})"
    lines = [
        f"relevance to {user_name}: {explanation.relevance:.3f}",
        f"{TITLES[explanation.kind]}, fidelity {explanation.fidelity:.3f}{with_pairs}, "
        f"{'all' if masks == 'exhaustive' else masks} masks, engine {explanation.request.engine}",
    ]
    if explanation.fidelity < LOW_FIDELITY:
        lines.append(
            "the fidelity is low: what these components do together is not the sum of what "
            "each does, so take the order of the weights with care"
        )
    shapley = explanation.shapley or [None] * len(explanation.weights)
    lines.append(f"{'component':<14}{'weight':>9}{'Shapley':>9}  from - to [s]")
    order = sorted(range(len(explanation.weights)), key=lambda i: -explanation.weights[i])
    for index in order:
        start, end = (edge / SAMPLE_RATE for edge in explanation.components.span_of(index))
        value = "" if shapley[index] is None else f"{shapley[index]:+.4f}"
        lines.append(
            f"{explanation.component_names[index]:<14}{explanation.weights[index]:>+9.4f}"
            f"{value:>9}  {start:5.1f} - {end:5.1f}"
        )
    return "\n".join([*lines, *_pair_lines(explanation)])


def _pair_lines(explanation: Explanation) -> list[str]:
    """Lay out the strongest pairs: what their effect on each other is, and a sentence each."""
    names = explanation.component_names
    pairs = (explanation.pairs or ())[:PAIRS_SHOWN]
    lines = [f"{'strongest pairs':<28}{'together':>9}"] if pairs else []
    return lines + [
        f"{f'{names[pair.first]} + {names[pair.second]}':<28}{pair.interaction:>+9.4f}  "
        f"{explanation.pair_phrase(pair)}"
        for pair in pairs
    ]
