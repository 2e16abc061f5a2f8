"""The folder of models: which exports are there, in which versions, and whether they changed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from service.errors import InvalidExport
from service.manifest import MODEL_NAME, manifest_path

logger = logging.getLogger(__name__)

TRITON_FOLDER: Final = "model.savedmodel"
"""The folder in a version's folder that holds the SavedModel, as Triton has it."""
SAVED_MODEL: Final = "saved_model.pb"
"""The file that makes a folder a SavedModel."""
_GREATEST_VERSION: Final = 2**63 - 1
_MOST_DIGITS: Final = 100
"""A longer name is no version, whatever zeros it begins with."""


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


def scan(models_dir: Path, only: str | None = None) -> dict[str, list[Export]]:
    """Every version of every model in `models_dir`, by name, the newest version last.

    A version is a folder whose name is digits and which holds a SavedModel, as TensorFlow Serving
    reads it (`00000123` is version 123), or one in `model.savedmodel/`, as Triton reads it. A
    model that stands elsewhere is left out with a warning that says where it should be.

    `only` names the model where `models_dir` is the folder of that one model: of its versions, or
    of its SavedModel, which is version 1 then. KServe copies models so.

    Raises:
        InvalidExport: `models_dir` is not a folder.
    """
    if not models_dir.is_dir():
        raise InvalidExport(
            f"MODELS_DIR={models_dir} is not a folder: "
            "point it at one that holds <name>/<version>/saved_model.pb"
        )
    if only is not None and (versions := _versions(models_dir) or _unversioned(models_dir)):
        return {only: [replace(export, name=only) for export in versions]}
    found = {}
    for folder in sorted(models_dir.iterdir()):
        if folder.name.startswith("."):
            continue
        if reason := _misplaced(folder):
            _warn_once(f"{folder} is left out: {reason}")
        if not (versions := _versions(folder)):
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
        "the version a number"
    )


def version_of(name: str) -> int | None:
    """The version that a folder's name says, such as 123 of `00000123`; None where it says none."""
    is_number = name.isascii() and name.isdigit() and len(name) < _MOST_DIGITS
    return int(name) if is_number and int(name) <= _GREATEST_VERSION else None


def _misplaced(folder: Path) -> str | None:
    """Why a model in the folder is not served, where one stands in the wrong place."""
    try:
        if (folder / SAVED_MODEL).is_file():
            return f"a SavedModel stands right in it: move it into {folder / '1'}"
        for version in folder.iterdir() if folder.is_dir() else ():
            if (version / "saved_model.pbtxt").is_file() and _location(version) is None:
                return f"{version.name}/saved_model.pbtxt is text: save it as {SAVED_MODEL}"
    except OSError:  # `_versions` says what is wrong
        pass
    return None


def _versions(folder: Path) -> list[Export]:
    if not folder.is_dir():
        return []
    try:
        found = [export for entry in folder.iterdir() if (export := _export(entry)) is not None]
    except FileNotFoundError:  # removed while it was read
        return []
    except PermissionError as error:
        # One folder that this user may not read must not keep the other models from serving.
        _warn_once(f"{folder} is left out: {error.strerror}")
        return []
    counts = Counter(export.version for export in found)
    for version in [version for version, count in counts.items() if count > 1]:
        _warn_once(f"{folder} has several folders of version {version}, of which none is served")
    exports = [export for export in found if counts[export.version] == 1]
    return sorted(exports, key=lambda export: export.version)


@lru_cache(maxsize=256)
def _warn_once(text: str) -> None:
    # The folder is looked through whenever something in it changes.
    logger.warning("%s", text)


def _export(folder: Path, version: int | None = None) -> Export | None:
    version, location = version or version_of(folder.name), _location(folder)
    if version is None or location is None:
        return None
    files = sorted(_files(location))
    changed_at = max((changed for *_, changed in files), default=0.0)
    return Export(folder.parent.name, version, location, hash(tuple(files)), changed_at)


def _unversioned(folder: Path) -> list[Export]:
    export = _export(folder, 1)
    return [] if export is None else [export]


def _location(version: Path) -> Path | None:
    """Where the SavedModel of a version's folder stands; None where there is none."""
    places = (version, version / TRITON_FOLDER)
    return next((place for place in places if (place / SAVED_MODEL).is_file()), None)


def _files(folder: Path) -> Iterator[tuple[str, int, int, float]]:
    """Each file's path, size, inode and time of change, which no copy keeps."""
    for path in folder.rglob("*"):
        try:
            facts = path.stat()
        except OSError:  # removed meanwhile, or a link to nothing: loading says what is missing
            continue
        if not path.is_dir():
            yield str(path), facts.st_size, facts.st_ino, facts.st_ctime
