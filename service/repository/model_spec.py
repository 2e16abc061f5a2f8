"""Which model, and which version of it, a request asks for; the name is TensorFlow Serving's."""

from __future__ import annotations

from typing import NamedTuple


class ModelSpec(NamedTuple):
    """A model, and at most one of a version and a label.

    A tuple: each request makes one, and a frozen dataclass takes twice as long (0.46, not 0.22 µs).
    """

    name: str | None = None
    """None for the only model that can do the task."""
    version: int | None = None
    """None for the version that the plan of the model chooses."""
    label: str | None = None
    """A label of models.yaml, such as `stable`, instead of a version."""
    key: str | None = None
    """The routing key: where traffic is split, requests with the same key get the same version."""
