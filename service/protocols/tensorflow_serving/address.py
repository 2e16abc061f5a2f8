"""Which version of which model a path names, and TensorFlow Serving's words where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

from service.engine import Engine
from service.errors import InvalidInput, LabelNotFound, ModelNotFound, VersionNotFound
from service.lease import Lease
from service.model import Model

_LARGEST = 2**63 - 1


class Address(NamedTuple):
    """A model and, if the path names one, a version or a label."""

    name: str
    version: int | None
    label: str | None

    @classmethod
    def of(cls, path: Mapping[str, str]) -> Self:
        """The address in a path's parameters.

        Raises:
            InvalidInput: the version is no 64-bit integer.
        """
        digits = path.get("version")
        if digits is not None and (len(digits) > 19 or int(digits) > _LARGEST):
            raise InvalidInput(f"Failed to convert version: {digits[:100]} to numeric.")
        version = None if digits is None else int(digits)
        return cls(path["name"], version, path.get("label"))

    async def lease(self, engine: Engine) -> Lease:
        """The version that is to answer.

        Raises:
            ServiceError: there is none, or it is not ready.
        """
        try:
            version = self.version if self.label is None else self.model(engine).export.version
            return await engine.lease(self.name, version=version)
        except (ModelNotFound, VersionNotFound) as error:
            raise type(error)(f"Servable not found for request: {self._asked}") from None
        except LabelNotFound:
            raise self._unknown_label() from None

    def model(self, engine: Engine) -> Model:
        """The version, ready or not.

        Raises:
            ServiceError: there is none.
        """
        try:
            shelf = engine.repository.shelf(self.name)
            version = self.version
            if self.label is not None and (version := shelf.plan.labels.get(self.label)) is None:
                raise self._unknown_label()
            return shelf.pick(version)
        except (ModelNotFound, VersionNotFound) as error:
            raise type(error)(f"Servable not found for request: {self._asked}") from None

    @property
    def _asked(self) -> str:
        if self.version is None:
            return f"Latest({self.name[:100]})"
        return f"Specific({self.name[:100]}, {self.version})"

    def _unknown_label(self) -> LabelNotFound:
        return LabelNotFound(f"Unrecognized servable version label: {(self.label or '')[:100]}")
