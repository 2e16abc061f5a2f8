"""The folder of models: which exports are there, and which version of each is served."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from service.errors import InvalidExport
from service.manifest import MODEL_NAME, manifest_path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Export:
    """One folder `<name>/<version>/` with a SavedModel in it."""

    name: str
    version: int
    path: Path

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else's tool wrote it: a SavedModel without a manifest."""
        return not manifest_path(self.path).exists()


def newest(models_dir: Path) -> list[Export]:
    """The newest version of every model in `models_dir`, by name.

    A version is a folder whose name is a positive integer and which holds a SavedModel, as
    TensorFlow Serving reads it; anything else in the folder is left alone, and so, with a warning,
    is a folder of versions whose name is no model's name.

    Raises:
        InvalidExport: `models_dir` is not a folder.
    """
    if not models_dir.is_dir():
        raise InvalidExport(
            f"MODELS_DIR={models_dir} is not a folder: "
            "point it at one that holds <name>/<version>/saved_model.pb"
        )
    found = []
    for folder in sorted(models_dir.iterdir()):
        if folder.name.startswith(".") or not (versions := _versions(folder)):
            continue
        if MODEL_NAME.fullmatch(folder.name):
            found.append(versions[-1])
        else:
            logger.warning(
                "%s is left out: a model's name is letters, digits, '.', '_' and '-', at most 128, "
                "and begins with a letter or a digit: rename the folder",
                folder,
            )
    return found


def find(folder: Path) -> Export:
    """The export in `folder`: a version's folder, or a model's (then its newest version).

    Raises:
        InvalidExport: there is none.
    """
    folder = folder.resolve()
    if (export := _export(folder)) is not None:
        return export
    if versions := _versions(folder):
        return versions[-1]
    raise InvalidExport(
        f"{folder} holds no export: expected <name>/<version>/ with a saved_model.pb in it, "
        "the version a positive integer"
    )


def _versions(folder: Path) -> list[Export]:
    if not folder.is_dir():
        return []
    try:
        exports = [export for entry in folder.iterdir() if (export := _export(entry)) is not None]
    except PermissionError as error:
        # One folder that this user may not read must not keep the other models from serving.
        logger.warning("%s is left out: %s", folder, error.strerror)
        return []
    return sorted(exports, key=lambda export: export.version)


def _export(folder: Path) -> Export | None:
    name = folder.name
    is_version = name.isascii() and name.isdigit() and name[0] != "0"
    if not is_version or not (folder / "saved_model.pb").is_file():
        return None
    return Export(folder.parent.name, int(name), folder)
