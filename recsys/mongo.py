"""A MongoDB server: reach it, or say at once why not."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pymongo
from pymongo.errors import ConnectionFailure, PyMongoError

from lemons_utils import ParameterError

PING_MS = 2_000
"""How long a command waits for the server before it starts [ms]."""

PATIENCE_MS = 8_000
"""How long one request of a running command waits: long enough for a server to restart [ms]."""


def ping(url: str, db_name: str) -> None:
    """Make sure, within 2 s or so, that a server is there and lets us in.

    Raises
    ------
    ParameterError
        If it is not or does not.
    """
    shown = re.sub(r"//[^/]*@", "//", url)
    advice = (
        "start the server, or correct `mongodb_url` in config.py or LEMONS_MONGO_URL "
        "(empty: runs are kept in files)"
    )
    try:
        with contextlib.closing(connect(url, timeout_ms=PING_MS)) as client:
            client[db_name]["runs"].find_one({}, {"_id": 1})
    except ConnectionFailure as error:
        raise ParameterError(
            f"no MongoDB answers at {shown} within {PING_MS // 1000} s: {advice}"
        ) from error
    except (PyMongoError, ValueError) as error:
        reason = " ".join(str(error).partition(", full error")[0].split())
        raise ParameterError(f"MongoDB at {shown} cannot be used ({reason}): {advice}") from error


def connect(url: str, *, timeout_ms: int) -> pymongo.MongoClient[dict[str, Any]]:
    """Make a client whose requests all end within `timeout_ms`.

    What the server has acknowledged is in its journal: a run drops what it has sent, and a server
    that dies the moment after must not have kept it in memory alone.
    """
    return pymongo.MongoClient(
        url,
        journal=True,
        serverSelectionTimeoutMS=timeout_ms,
        connectTimeoutMS=timeout_ms,
        socketTimeoutMS=timeout_ms,
    )
