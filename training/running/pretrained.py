"""Bring pretrained weights: a Hugging Face folder or a model of keras.applications → an export."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from service.manifest import Manifest
from training import catalogue
from training.errors import ExportError, UsageError
from training.exporting.export import export
from training.exporting.provenance import Fact, provenance
from training.importers import Imported, Source, _hub
from training.importers._folder import ModelFolder

logger = logging.getLogger(__name__)

KERAS: Final = "keras:"
"""Stands before the name of a model of keras.applications."""


def import_model(
    source: str,
    *,
    models_dir: Path,
    name: str | None = None,
    known_as: str | None = None,
    revision: str | None = None,
    weights: Path | None = None,
    labels: Path | None = None,
    prompts: Mapping[str, str] | None = None,
    description: str | None = None,
    license: str | None = None,
    keras_file: bool = False,
) -> Path:
    """Export a pretrained model and return the folder of its new version.

    Args:
        source: a folder, a name on the Hugging Face hub, or `keras:` and a model's name.
        models_dir: the folder of all models.
        name: the export's; None for the last part of the source.
        known_as: what people call the source, told by the description and the provenance; None for
            what it is called here.
        revision: of a model on the hub; None for the newest.
        weights: a file of weights for a model of keras.applications; None to download ImageNet's.
        labels: its class names; None to download ImageNet's.
        prompts: what is put before texts by what they are for; None for what the source says.
        description: one sentence for people who choose a model; None for one of the importer's.
        license: an SPDX identifier or a sentence; None for what the source says.
        keras_file: write the Keras file too, to train further.

    Raises:
        UsageError: an option cannot be, or something that it needs is not installed.
        ExportError: the source is none that is known, or does not make an export.
    """
    started = time.monotonic()
    named = name or default_name(source)
    found = _source(
        source,
        known_as=known_as,
        revision=revision,
        weights=weights,
        labels=labels,
        prompts=prompts,
    )
    importer = _importer(found)
    if importer != "keras-applications" and (weights is not None or labels is not None):
        raise UsageError("--weights and --labels are for keras:… models; a folder has its own")
    if importer == "keras-applications" and prompts is not None:
        raise UsageError("--prompt is for models of texts; keras:… models classify images")
    logger.info("reading %s with the importer %s …", found.name, importer)
    imported: Imported = catalogue.get("importer", importer)(found)
    logger.info(
        "%s parameters after %.0f s; writing the export, converting it and proving it …",
        f"{imported.model.count_params():,}",
        time.monotonic() - started,
    )
    facts: dict[str, Fact] = {
        "importer": importer,
        "source": known_as or imported.source or found.name,
        **imported.facts,
    }
    if revision is not None:
        facts["revision"] = revision
    folder = _export(
        imported,
        facts,
        name=named,
        models_dir=models_dir,
        description=imported.description if description is None else description,
        license=license or imported.license,
        keras_file=keras_file,
    )
    logger.info("done in %.0f s", time.monotonic() - started)
    return folder


def default_name(source: str) -> str:
    """The name of the export of a source: its last part, in small letters."""
    last = Path(source).resolve().name if Path(source).is_dir() else source
    last = last.removeprefix(KERAS).rpartition("/")[2].lower()
    return re.sub(r"[^a-z0-9._-]+", "-", last).strip("-._")


def _source(
    source: str,
    *,
    known_as: str | None,
    revision: str | None,
    weights: Path | None,
    labels: Path | None,
    prompts: Mapping[str, str] | None,
) -> Source:
    if source.startswith(KERAS):
        name = source.removeprefix(KERAS)
        return Source(name=name, weights=weights, labels=labels)
    if Path(source).is_dir():
        folder = ModelFolder(Path(source), known_as or Path(source).resolve().name)
    elif _hub.NAME.fullmatch(source):
        folder = ModelFolder(_hub.fetch(source, revision), known_as or source)
    else:
        raise UsageError(
            f"{source!r} is no folder; expected one, a model on the Hugging Face hub such as "
            f"sentence-transformers/all-MiniLM-L6-v2, or {KERAS}ResNet50"
        )
    return Source(name=folder.name, folder=folder, weights=weights, labels=labels, prompts=prompts)


def _importer(source: Source) -> str:
    if source.folder is None:
        return "keras-applications"
    known = [name for name in catalogue.names("importer") if name != "keras-applications"]
    kind = source.folder.model_type
    if kind.replace("_", "-") not in known:
        raise ExportError(
            f"{source.name} is a model of type {kind!r}; what can be imported is of type "
            f"{', '.join(known)}"
        )
    return kind.replace("_", "-")


def _export(
    imported: Imported,
    facts: Mapping[str, Fact],
    *,
    name: str,
    models_dir: Path,
    description: str,
    license: str | None,
    keras_file: bool,
) -> Path:
    serving = imported.serving
    served = serving.signatures
    manifest = Manifest(
        description=description,
        signatures={name: each.promise for name, each in served.items()},
        image=serving.image,
        text=serving.text,
        embeddings=serving.embeddings,
        labels=serving.labels,
        tolerance=imported.tolerance,
        provenance=provenance(facts),
        license=license,
    )
    return export(
        imported.model,
        {name: each.function for name, each in served.items()},
        manifest,
        {name: (each.inputs, imported.answers[name]) for name, each in served.items()},
        name=name,
        models_dir=models_dir,
        tokenizer=serving.tokenizer,
        keras_file=keras_file,
        keep_model=False,
    )
