"""The folder of models: which exports are there, in which versions, and whether they changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from service.errors import InvalidExport
from service.manifest import MODEL_NAME, manifest_path

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Export:
    """One folder `<name>/<version>/` with a SavedModel in it, as it was when it was looked at."""

    name: str
    version: int
    path: Path
    stamp: int = field(default=0, repr=False)
    """Differs when a file in the folder was added, removed or written anew."""
    changed_at: float = field(default=0.0, repr=False, compare=False)
    """When a file of it last changed, in seconds since 1970."""

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else's tool wrote it: a SavedModel without a manifest."""
        return not manifest_path(self.path).exists()


def scan(models_dir: Path) -> dict[str, list[Export]]:
    """Every version of every model in `models_dir`, by name, the newest version last.

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
    found = {}
    for folder in sorted(models_dir.iterdir()):
        if folder.name.startswith(".") or not (versions := _versions(folder)):
            continue
        if MODEL_NAME.fullmatch(folder.name):
            found[folder.name] = versions
        else:
            _warn_once(
                f"{folder} is left out: a model's name is letters, digits, '.', '_' and '-', at "
                "most 128, and begins with a letter or a digit: rename the folder"
            )
    return found


def newest(models_dir: Path) -> list[Export]:
    """The newest version of every model in `models_dir`, by name.

    Raises:
        InvalidExport: `models_dir` is not a folder.
    """
    return [versions[-1] for versions in scan(models_dir).values()]


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
    except FileNotFoundError:  # removed while it was read
        return []
    except PermissionError as error:
        # One folder that this user may not read must not keep the other models from serving.
        _warn_once(f"{folder} is left out: {error.strerror}")
        return []
    return sorted(exports, key=lambda export: export.version)


@lru_cache(maxsize=256)
def _warn_once(text: str) -> None:
    # The folder is looked through whenever something in it changes.
    logger.warning("%s", text)


def _export(folder: Path) -> Export | None:
    name = folder.name
    is_version = name.isascii() and name.isdigit() and name[0] != "0"
    if not is_version or not (folder / "saved_model.pb").is_file():
        return None
    files = sorted(_files(folder))
    changed_at = max((changed for *_, changed in files), default=0.0)
    return Export(folder.parent.name, int(name), folder, hash(tuple(files)), changed_at)


def _files(folder: Path) -> Iterator[tuple[str, int, int, float]]:
    """Each file's path, size, inode and time of change, which no copy keeps."""
    for path in folder.rglob("*"):
        try:
            facts = path.stat()
        except OSError:  # removed meanwhile, or a link to nothing: loading says what is missing
            continue
        if not path.is_dir():
            yield str(path), facts.st_size, facts.st_ino, facts.st_ctime
