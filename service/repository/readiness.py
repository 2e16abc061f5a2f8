"""Whether the service can answer: which required models are not ready, and why."""

from __future__ import annotations

from service.repository.repository import Repository
from service.settings import Settings


def is_settled(repository: Repository) -> bool:
    """Whether no model is loading, and none is still to be found."""
    loading = any(each.state == "loading" for each in repository.models)
    return not loading and not repository.waits_for


def missing(repository: Repository, settings: Settings) -> dict[str, str]:
    """The required models that are not ready, each with the reason; empty when all are.

    Required are REQUIRED_MODELS; left out, all models that were there at the start.
    """
    if waits_for := repository.waits_for:
        return {"*": waits_for}
    required, all_versions = settings.required_models, repository.all_versions
    if required is None and not all_versions:
        return {"*": f"there are no models in {settings.models_shown}"}
    if required is None:
        # A model that comes later is not required: if it fails, the others keep serving.
        awaited = [each for each in all_versions.values() if each.is_awaited]
        # Nor is a model that an operator unloaded.
        required = tuple(
            each.name for each in awaited or all_versions.values() if not each.is_closed
        )
    reasons = {name: _why_not_ready(name, repository, settings) for name in required}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _why_not_ready(name: str, repository: Repository, settings: Settings) -> str | None:
    versions = repository.all_versions.get(name)
    if versions is None:
        return f"not found in {settings.models_shown}"
    if not versions.models:
        return "its plan in models.yaml wants none of the versions that there are"
    if versions.is_servable and not versions.is_closed:
        return None
    model = versions.pick()
    return f"{model.state}: {model.reason}"
