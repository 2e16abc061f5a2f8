"""How an export was made, as its manifest tells it."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

_PACKAGES: Final = ("keras", "tensorflow", "openvino")

Fact = str | int | float | bool | None


def provenance(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The facts given, the versions of what made the export, and the time (UTC, ISO 8601)."""
    versions = {package: importlib.metadata.version(package) for package in _PACKAGES}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return {**facts, **versions, "created": created}
