"""A music folder in, a catalogue out: `python -m recsys.ingest FOLDER --catalogue NAME`."""

from recsys.ingest.decoding import Excerpt, decode
from recsys.ingest.folder import IngestReport, ingest, main

__all__ = ["Excerpt", "IngestReport", "decode", "ingest", "main"]
