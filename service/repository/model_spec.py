"""Which version of which model a request asks for; TensorFlow Serving's word."""

from __future__ import annotations

from typing import NamedTuple


class ModelSpec(NamedTuple):
    """A model, and at most one of a version and a label.

    A tuple, since each request makes one and a frozen dataclass costs four times as much.
    """

    name: str | None = None
    """None when the only model that can do the task is meant."""
    version: int | None = None
    """None for the version that the model's plan chooses."""
    label: str | None = None
    """A label of models.yaml, such as `stable`, in place of a version."""
    key: str | None = None
    """Who asks: where traffic is split, requests of one key go to the same version."""
