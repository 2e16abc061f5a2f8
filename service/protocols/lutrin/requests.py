"""Which model is to answer: the fields of it that every route of ours takes."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from service.protocols.http.request import Context
from service.repository.model_spec import ModelSpec


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


NO_BOOL: Final = BeforeValidator(_no_bool)
"""Python takes booleans for integers; requests do not."""

Flag = Annotated[
    bool,
    BeforeValidator(lambda value: False if value is None else value),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
]
"""Null is left out, as many clients write it."""

NOT_BOTH: Final[dict[str, Any]] = {"not": {"required": ["version", "label"]}}
"""In a schema: a request has one of them or neither."""


class ModelChoice(BaseModel):
    """A request that names the model which is to answer it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, json_schema_extra=NOT_BOTH
    )

    model: str | None = None
    """The model's name; may be left out when exactly one model can answer."""
    version: Annotated[int, Field(ge=1), NO_BOOL] | None = None
    """The model's version; left out, the one being served."""
    label: str | None = None
    """A label of models.yaml, such as stable, in place of a version."""
    key: str | None = None
    """Who asks: where traffic is split, one version answers a key. X-Request-Key goes before it."""

    def spec(self, request: Context) -> ModelSpec:
        """The model that the request names, if any."""
        key = request.routing_key or self.key
        return ModelSpec(self.model, self.version, self.label, key)
