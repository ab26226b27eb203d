"""Play counts in, a listener's labels and 80-10-10 split out: `python -m recsys.listening`."""

from recsys.listening.splits import (
    PARTS,
    PUBLISHED_SEED,
    SPLIT_COLUMNS,
    artists,
    main,
    make_split,
    read_split,
    split_path,
    users,
    write_split,
    write_splits,
)

__all__ = [
    "PARTS",
    "PUBLISHED_SEED",
    "SPLIT_COLUMNS",
    "artists",
    "main",
    "make_split",
    "read_split",
    "split_path",
    "users",
    "write_split",
    "write_splits",
]
