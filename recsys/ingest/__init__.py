"""A music folder in, a catalogue out: `python -m recsys.ingest FOLDER --catalogue NAME`."""

from recsys.ingest.decoding import Excerpt
from recsys.ingest.folder import Outcome, ingest, main

__all__ = ["Excerpt", "Outcome", "ingest", "main"]
