"""The versions of one model: those in the folder, those in the service, and which one answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from service.errors import VersionNotFound
from service.model import Model
from service.plan import Plan
from service.settings import Settings
from service.store import Export

_SERVABLE: Final = ("ready", "unloaded", "unloading")
"""The states of a version that answers, at once or when it is loaded again."""


class Shelf:
    """One model's versions."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.plan = Plan()
        """What the operator wants of it."""
        self.exports: Sequence[Export] = ()
        """What is in the folder, the newest last."""
        self.models: list[Model] = []
        """What is in the service, the newest first."""
        self.is_closed = False
        """Whether an operator unloaded it, until it is loaded by hand."""
        self._settings = settings

    @property
    def is_servable(self) -> bool:
        """Whether any version answers."""
        return any(answers(model) for model in self.models)

    def pick(self, version: int | None = None) -> Model:
        """The version asked for, else the newest that answers; else one that says why not.

        Raises:
            VersionNotFound: there is no such version.
        """
        asked = [each for each in self.models if version in (None, each.export.version)]
        if not asked:
            raise self._no_version(version)
        return next((model for model in asked if answers(model)), asked[0])

    def candidates(self) -> list[Export]:
        """The exports that the plan lets answer, in the order in which to try them."""
        exports = {export.version: export for export in self.exports}
        return [exports[version] for version in self.plan.candidates(exports)]

    def labelled(self) -> list[Export]:
        """The exports that have a label."""
        return [each for each in self.exports if each.version in self.plan.labels.values()]

    def model(self, export: Export) -> Model:
        """The model of an export as it is now and as the plan runs it; a new one if need be."""
        options = self.plan.run_options(self._settings.run_options(self.name))
        for model in self.models:
            if model.export == export and model.options == options:
                return model
        model = Model(export, self._settings, options)
        if self.is_servable:
            # It is to be proven before it takes traffic, even where models are loaded on demand.
            model.queue()
        self.models.append(model)
        self.models.sort(key=lambda each: each.export.version, reverse=True)
        return model

    def is_half_written(self, export: Export) -> bool:
        """Whether an export lacks the manifest that the version in service has."""
        ours = any(model.state == "ready" and not model.export.is_foreign for model in self.models)
        return ours and export.is_foreign

    def _no_version(self, version: int | None) -> VersionNotFound:
        served = sorted({model.export.version for model in self.models})
        word = "version" if len(served) == 1 else "versions"
        return VersionNotFound(
            f"'{self.name}' is served in {word} {', '.join(map(str, served))}, not {version}",
            param="version",
        )


def answers(model: Model) -> bool:
    """Whether a version answers, at once or when it is loaded again."""
    return model.state in _SERVABLE
