"""Classification and regression of `tensorflow.Example`s, as TensorFlow Serving answers them.

Such a signature has one input, the examples as they were serialized, one string each; it parses
them itself. A classification's outputs are called `classes` (labels) and `scores`, of which one may
be missing; a regression's is called `outputs`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.errors import InferenceFailed, InvalidInput
from service.exports import saved_model
from service.exports.saved_model import SignatureDef
from service.repository.lease import Lease
from service.runtimes import Tensors

_NOUNS: Final = {saved_model.CLASSIFY: "classification", saved_model.REGRESS: "regression"}


def input_of(lease: Lease, name: str, method: str) -> str:
    """The one input of the signature called `name`, which is meant for `method`.

    Raises:
        InvalidInput: it is meant for something else, or takes no examples.
    """
    definition = saved_model.signatures(lease.model.export).get(name, SignatureDef())
    if definition.method_name != method:
        raise InvalidInput(
            f"Expected {_NOUNS[method]} signature method_name to be {method}. "
            f"Was: {definition.method_name}"
        )
    specs = lease.manifest.signatures[name].inputs
    if len(specs) != 1 or next(iter(specs.values())).dtype != "string":
        raise InvalidInput("Expected one input Tensor.")
    return next(iter(specs))


def labels_and_scores(outputs: Tensors, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """A label and a score of each class of `count` examples; missing ones are empty or 0.

    Raises:
        InferenceFailed: the outputs do not have a row for each example.
    """
    found = [outputs[name] for name in ("classes", "scores") if name in outputs]
    if not found or any(array.ndim != 2 or array.shape != found[0].shape for array in found):
        raise InferenceFailed(
            "the signature's 'classes' and 'scores' are not of one shape, rows × classes"
        )
    _check_rows(found[0], count)
    labels = outputs.get("classes", np.full(found[0].shape, "", object))
    scores = outputs.get("scores", np.zeros(found[0].shape, np.float32))
    return labels, scores


def values(outputs: Tensors, count: int) -> NDArray[Any]:
    """A number for each of `count` examples.

    Raises:
        InferenceFailed: the outputs do not have one for each.
    """
    values = outputs.get("outputs")
    if values is None or values.ndim not in (1, 2) or values.size != len(values):
        raise InferenceFailed("the signature's 'outputs' are not one number a row")
    _check_rows(values, count)
    return values.reshape(-1)


def _check_rows(array: NDArray[Any], count: int) -> None:
    if len(array) != count:
        raise InferenceFailed(f"the model gave {len(array)} rows for {count} examples")
