"""Real music: stability, faithfulness and separators on somebody's own catalogue.

    python -m explanations.studies.real_music FOLDER ... --catalogue games --k 8

`--catalogue` is one that `recsys.ingest` made and somebody has a model of. Nobody knows its true
stems, so `hybrid`, which explains real music by default, is what the other separators are
compared with. Each FOLDER may hold songs whose guitar is a file of its own (`guitars`): there the
truth is known, of one stem.
"""

from explanations.studies.real_music.command import STUDY

__all__ = ["STUDY"]
