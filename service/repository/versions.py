"""The versions of one model: those in the folder, those in the service, and which one answers."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Final, TypeVar

from service.errors import LabelNotFound, VersionNotFound
from service.exports.folder import Export
from service.observability import metrics
from service.repository.model import Model
from service.repository.plans.plan import Plan
from service.repository.traffic import Traffic
from service.settings import Settings

_T = TypeVar("_T")

logger = logging.getLogger(__name__)

_SERVABLE: Final = ("ready", "unloaded", "unloading")
"""The states of a version that answers, at once or when it is loaded again."""


class ModelVersions:
    """One model's versions."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.written = Plan()
        """What models.yaml wants of it; `plan` may have been changed since by hand."""
        self.exports: Sequence[Export] = ()
        """What is in the folder, the newest last."""
        self.models: list[Model] = []
        """What is in the service, the newest first."""
        self.is_closed = False
        """Whether an operator unloaded it, until it is loaded by hand."""
        self.is_awaited = False
        """Whether readiness waits for it: it was there when the service started."""
        self.labels: dict[str, int] = {}
        """The version that each label stands for: the one planned, once that answers."""
        self.rollbacks: dict[str, str] = {}
        """The labels whose traffic was taken away, and why."""
        self._settings = settings
        self.plan = Plan()

    @property
    def plan(self) -> Plan:
        """What the operator wants of it now."""
        return self._plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._plan = plan
        self.traffic = Traffic(self.name, plan)
        self.labels = _only(self.labels, plan.labels)
        self.rollbacks = _only(
            self.rollbacks, [key for key in plan.traffic if not plan.traffic[key]]
        )

    @property
    def is_servable(self) -> bool:
        """Whether any version answers."""
        return any(answers(model) for model in self.models)

    def pick(self, version: int | None = None, label: str | None = None) -> Model:
        """The version or label asked for, else who answers the rest; or one that says why not.

        The rest goes to the version that the plan says, or else the newest that answers.

        Raises:
            VersionNotFound: there is no such version.
            LabelNotFound: no version has this label.
        """
        if label is not None:
            version = self._version_of(label)
        if version is None:
            asked = self._by_precedence()
        else:
            asked = [each for each in self.models if each.export.version == version]
        if not asked:
            raise self._no_version(version)
        return next((model for model in asked if answers(model)), asked[0])

    def choose(self, key: str | None = None) -> str | None:
        """The label that is to answer a call that names none; None leaves it to `pick`."""
        label = self.traffic.choose(key)
        if label is not None and not self._stands(label):
            label = self.plan.rest
        return label if label is not None and self._stands(label) else None

    def move_labels(self) -> None:
        """Let each label stand for the version planned, if that answers; else it stays."""
        able = {model.export.version for model in self.models if answers(model)}
        for label, version in self.plan.labels.items():
            if version in able:
                self.labels[label] = version
            elif self.labels.get(label) not in able:
                self.labels.pop(label, None)

    def warn_of_labels(self) -> None:
        """Log which labels do not stand for the version planned, and why."""
        for label, version in self.plan.labels.items():
            if (stands_for := self.labels.get(label)) == version:
                continue
            tried = [model for model in self.models if model.export.version == version]
            why = f"{tried[0].state}: {tried[0].reason}" if tried else "not in the folder"
            logger.warning(
                "%s: the label '%s' is planned for version %d, which is %s; it stands for %s",
                *(self.name, label, version, why, stands_for or "none"),
            )

    def roll_back(self, label: str, reason: str) -> None:
        """Take a label's traffic away, until the plan changes or somebody gives it anew."""
        self.plan = self.plan.rolled_back(label)
        self.rollbacks[label] = reason
        metrics.ROLLBACKS.labels(self.name, label).inc()
        logger.error("%s: '%s' is rolled back: %s", self.name, label, reason)

    def candidates(self) -> list[Export]:
        """The exports that the plan lets answer, in the order in which to try them."""
        exports = {export.version: export for export in self.exports}
        return [exports[version] for version in self.plan.candidates(exports)]

    def labelled(self) -> list[Export]:
        """The exports that have a label; first that which answers the rest, so as to load first."""
        labels = self.plan.labels
        rest = labels.get(self.plan.rest or "")
        labelled = [each for each in self.exports if each.version in labels.values()]
        return sorted(labelled, key=lambda each: each.version != rest)

    def export(self, version: int) -> Export:
        """The export of a version.

        Raises:
            VersionNotFound: it is not in the folder.
        """
        for export in self.exports:
            if export.version == version:
                return export
        there = ", ".join(str(export.version) for export in self.exports)
        raise VersionNotFound(
            f"the folder of '{self.name}' has no version {version}; it has: {there}",
            param="version",
        )

    def model(self, export: Export) -> Model:
        """The model of an export as it is now and as the plan runs it; a new one if need be."""
        options = self.plan.run_options(self._settings.run_options(self.name))
        for model in self.models:
            if model.export == export and model.options == options:
                return model
        model = Model(export, self._settings, options)
        runtimes = [each.loaded.runtime for each in self.models if each.loaded is not None]
        model.runtime_before = runtimes[0] if runtimes else None
        if any(answers(each) and each.ready_at is not None for each in self.models):
            # It is to be proven before it takes traffic from another, even where models are loaded
            # when they are asked.
            model.queue()
        self.models.append(model)
        self.models.sort(key=lambda each: each.export.version, reverse=True)
        return model

    def is_half_written(self, export: Export) -> bool:
        """Whether an export lacks the manifest that the version in service has."""
        ours = any(model.state == "ready" and not model.export.is_foreign for model in self.models)
        return ours and export.is_foreign

    def _by_precedence(self) -> list[Model]:
        """Who is to answer a call that names neither version nor label, the first that can."""
        if not self.plan.labels:
            return self.models
        rest = self.labels.get(self.plan.rest or "")
        tried = {self.labels.get(label) for label in self.plan.on_trial}
        return sorted(
            self.models,
            key=lambda each: (each.export.version != rest, each.export.version in tried),
        )

    def _stands(self, label: str) -> bool:
        version = self.labels.get(label)
        return any(each.export.version == version and answers(each) for each in self.models)

    def _version_of(self, label: str) -> int:
        planned = self.plan.labels.get(label)
        if planned is None:
            known = ", ".join(self.plan.labels) or "none"
            raise LabelNotFound(
                f"'{self.name}' has no label '{label[:100]}'; it has: {known}", param="label"
            )
        version = self.labels.get(label, planned)
        if all(each.export.version != version for each in self.models):
            raise LabelNotFound(
                f"the label '{label}' stands for version {version} of '{self.name}', "
                "which is not there",
                param="label",
            )
        return version

    def _no_version(self, version: int | None) -> VersionNotFound:
        served = sorted({model.export.version for model in self.models})
        if not served:
            there = ", ".join(str(export.version) for export in self.exports)
            return VersionNotFound(
                f"no version of '{self.name}' is served: the folder has {there}, which its plan "
                "does not want",
                param="model",
            )
        word = "version" if len(served) == 1 else "versions"
        return VersionNotFound(
            f"'{self.name}' is served in {word} {', '.join(map(str, served))}, not {version}",
            param="version",
        )


def _only(labelled: Mapping[str, _T], labels: Collection[str]) -> dict[str, _T]:
    return {label: each for label, each in labelled.items() if label in labels}


def answers(model: Model) -> bool:
    """Whether a version answers, at once or when it is loaded again."""
    return model.state in _SERVABLE
