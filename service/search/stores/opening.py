"""Which store keeps the indexes, as the setting INDEXES says."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from service.errors import NotReady
from service.search.stores import VectorStore

OFF: Final = "off"
"""The address of no store at all."""
_SERVERS: Final = ("postgresql://", "postgres://")
"""How the addresses of databases begin; whatever else is a folder."""


def is_shared(address: str) -> bool:
    """Whether several processes may have the store at `address`."""
    return address.startswith(_SERVERS)


def open_store(address: str) -> VectorStore:
    """The store at `address`; it and its packages are loaded here.

    Raises:
        NotReady: its packages are not installed, or it cannot be had now.
    """
    is_server = is_shared(address)
    try:
        if is_server:
            from service.search.stores.postgres import PostgresStore  # noqa: PLC0415 — an extra

            return PostgresStore(address)
        from service.search.stores.embedded import EmbeddedStore  # noqa: PLC0415 — not small

        return EmbeddedStore(Path(address))
    except ImportError as error:
        extra = "postgres" if is_server else "service"
        raise NotReady(
            f"indexes need a package that is not installed ({error}): pip install 'lutrin[{extra}]'"
        ) from None
