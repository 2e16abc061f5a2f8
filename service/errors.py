"""What can go wrong, as a tree. It knows kinds, not HTTP statuses: each protocol has its own table.

ServiceError
├─ RequestError            the caller can mend it
│  ├─ Unauthorized
│  ├─ Forbidden
│  ├─ ModelNotFound
│  ├─ VersionNotFound
│  ├─ LabelNotFound
│  ├─ IndexNotFound
│  ├─ ItemNotFound
│  ├─ Conflict
│  │  └─ IndexOutdated
│  ├─ UnsupportedTask
│  ├─ UnsupportedType
│  └─ InvalidInput
│     ├─ InvalidImage
│     └─ InputTooLarge
├─ CapacityError           waiting or asking less often mends it
│  ├─ Overloaded
│  ├─ NotReady
│  └─ DeadlineExceeded
├─ ModelError              the operator can mend it
│  ├─ InferenceFailed
│  ├─ InvalidExport
│  └─ InvalidPlan
└─ Unimplemented           nobody can: the protocol has no way to say it
"""


class ServiceError(Exception):
    """Any failure this service explains; `param` names the field of the request at fault."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class RequestError(ServiceError):
    """The request cannot be answered as it stands."""


class Unauthorized(RequestError):
    """The request needs a token, and has none or a wrong one."""


class Forbidden(RequestError):
    """The service does not let anybody do this, by its settings."""


class ModelNotFound(RequestError):
    """No model has this name."""


class VersionNotFound(RequestError):
    """The model has no such version."""


class LabelNotFound(RequestError):
    """The model has no version of this label."""


class IndexNotFound(RequestError):
    """No index has this name."""


class ItemNotFound(RequestError):
    """The index has no item of this id."""


class Conflict(RequestError):
    """The change asked for cannot be made as things are."""


class IndexOutdated(Conflict):
    """The version of the model that filled the index is not served any more."""


class UnsupportedTask(RequestError):
    """The model does not do what was asked of it."""


class UnsupportedType(RequestError):
    """The body's content type, or an image's format, is not one we read."""


class InvalidInput(RequestError):
    """A field is missing, malformed or out of range."""


class InvalidImage(InvalidInput):
    """The bytes are not an image that can be decoded."""


class InputTooLarge(InvalidInput):
    """A limit of the service was passed: bytes, pixels or items."""


class CapacityError(ServiceError):
    """The service cannot take this request now."""


class Overloaded(CapacityError):
    """The model's queue is full."""


class NotReady(CapacityError):
    """The model is loading, failed to load, or the service is shutting down."""


class DeadlineExceeded(CapacityError):
    """The answer did not come within the time allowed."""


class ModelError(ServiceError):
    """The model, not the request, is at fault."""


class InferenceFailed(ModelError):
    """The runtime failed on this batch."""


class InvalidExport(ModelError):
    """The export's folder is incomplete, malformed or does not reproduce its goldens."""


class InvalidPlan(ModelError):
    """models.yaml, or a change asked of it, does not say what it must."""


class Unimplemented(ServiceError):
    """The protocol of the request cannot express what the model needs; another one may."""
