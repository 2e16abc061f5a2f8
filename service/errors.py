"""The error tree. It knows kinds, not HTTP statuses: each protocol maps kinds to its own.

ServiceError
├─ RequestError            the caller can fix it
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
├─ CapacityError           a later retry can succeed
│  ├─ Overloaded
│  ├─ NotReady
│  └─ DeadlineExceeded
├─ ModelError              the operator can fix it
│  ├─ InferenceFailed
│  ├─ InvalidExport
│  └─ InvalidPlan
└─ Unimplemented           the protocol cannot express it
"""


class ServiceError(Exception):
    """Any failure that the service explains; `param` names the field of the request at fault."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class RequestError(ServiceError):
    """The request is wrong."""


class Unauthorized(RequestError):
    """The request needs a token and has none or a wrong one."""


class Forbidden(RequestError):
    """The settings do not allow this request."""


class ModelNotFound(RequestError):
    """No model has this name."""


class VersionNotFound(RequestError):
    """The model has no such version."""


class LabelNotFound(RequestError):
    """The model has no version with this label."""


class IndexNotFound(RequestError):
    """No index has this name."""


class ItemNotFound(RequestError):
    """The index has no item with this id."""


class Conflict(RequestError):
    """The change conflicts with the current state."""


class IndexOutdated(Conflict):
    """The model version that filled the index is no longer served."""


class UnsupportedTask(RequestError):
    """The model does not have this task."""


class UnsupportedType(RequestError):
    """The content type of the body, or the format of an image, is not supported."""


class InvalidInput(RequestError):
    """A field is missing, malformed or out of range."""


class InvalidImage(InvalidInput):
    """The bytes are not an image that can be decoded."""


class InputTooLarge(InvalidInput):
    """A limit of the service was exceeded: bytes, pixels or items."""


class CapacityError(ServiceError):
    """The service cannot take this request now."""


class Overloaded(CapacityError):
    """The model's queue is full."""


class NotReady(CapacityError):
    """The model is loading, failed to load, or the service is shutting down."""


class DeadlineExceeded(CapacityError):
    """There was no answer before the deadline."""


class ModelError(ServiceError):
    """The model, not the request, is at fault."""


class InferenceFailed(ModelError):
    """The runtime failed on this batch."""


class InvalidExport(ModelError):
    """The export's folder is incomplete, malformed or does not reproduce its goldens."""


class InvalidPlan(ModelError):
    """models.yaml, or a requested change of it, is invalid."""


class Unimplemented(ServiceError):
    """The protocol cannot express what the model needs; another protocol may."""
