"""Sources of pretrained weights, one a module named like what it reads.

Of a Hugging Face folder the name is the `model_type` in its `config.json`: `bert`, `clip`. Each
module offers `read(source)`, which fills one of our architectures and says how it is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras

from service.manifest import Tolerance
from training.errors import ExportError
from training.exporting.export import Tensors
from training.exporting.provenance import Fact
from training.importers._folder import ModelFolder
from training.tasks import Serving


@dataclass(frozen=True, kw_only=True)
class Source:
    """What to import, and what its own files do not say."""

    name: str
    """As it was asked for: a folder's name, a name on the hub, a model of keras.applications."""
    folder: ModelFolder | None = None
    """The Hugging Face folder; None for what is none."""
    weights: Path | None = None
    """A file of weights, for what is no folder; None to download them."""
    labels: Path | None = None
    """The class names of a classifier, one a line; None to download them."""
    prompts: Mapping[str, str] | None = None
    """What is put before a text, by what it is for; None for what the folder says."""

    @property
    def files(self) -> ModelFolder:
        """The folder of one that has one.

        Raises:
            ExportError: it has none.
        """
        if self.folder is None:
            raise ExportError(f"{self.name} is no Hugging Face folder")
        return self.folder


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A model filled with pretrained weights, and how it is served."""

    model: keras.Model
    """What the signatures call."""
    serving: Serving
    """Its signatures, and what holds of them."""
    answers: Mapping[str, Tensors]
    """What the model answers to each signature's golden inputs."""
    description: str
    """One sentence for people who choose a model."""
    source: str | None = None
    """What its makers call it; None for the name by which it was asked for."""
    license: str | None = None
    """As its makers say; None where they say nothing."""
    tolerance: Tolerance = field(default_factory=Tolerance)
    """How far from the goldens a precision may be."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """For the manifest's provenance."""
