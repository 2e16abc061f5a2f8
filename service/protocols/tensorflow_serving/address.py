"""Which version of which model a path names, and TensorFlow Serving's words where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

from service.engine.engine import Engine
from service.errors import InvalidInput, LabelNotFound, ModelNotFound, RequestError, VersionNotFound
from service.repository.lease import Lease
from service.repository.model import Model

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

    async def lease(self, engine: Engine, key: str | None = None) -> Lease:
        """The version that is to answer; requests of one `key` go to the same.

        Raises:
            ServiceError: there is none, or it is not ready.
        """
        try:
            return await engine.lease(self.name, version=self.version, label=self.label, key=key)
        except (ModelNotFound, VersionNotFound, LabelNotFound) as error:
            raise self._unknown(error) from None

    def model(self, engine: Engine) -> Model:
        """The version, ready or not.

        Raises:
            ServiceError: there is none.
        """
        try:
            return engine.repository.shelf(self.name).pick(self.version, self.label)
        except (ModelNotFound, VersionNotFound, LabelNotFound) as error:
            raise self._unknown(error) from None

    def _unknown(self, error: RequestError) -> RequestError:
        if isinstance(error, LabelNotFound):
            label = (self.label or "")[:100]
            return LabelNotFound(f"Unrecognized servable version label: {label}")
        asked = f"Latest({self.name[:100]})"
        if self.version is not None:
            asked = f"Specific({self.name[:100]}, {self.version})"
        return type(error)(f"Servable not found for request: {asked}")
