"""Classification and regression of `tensorflow.Example`s, as TensorFlow Serving answers them.

Such a signature has one input, `inputs`: the examples as they were serialized, one string each; it
parses them itself. A classification's outputs are `classes` (labels) and `scores`, of which one may
be missing; a regression's is `outputs`. As TensorFlow Serving does by default, this ignores the
signature's method name: TensorFlow 2 calls every signature `predict`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidInput
from service.exports import saved_model
from service.repository.lease import Lease
from service.runtimes import Tensors

_INPUTS: Final = "inputs"
_NOUNS: Final = {saved_model.CLASSIFY: "classification", saved_model.REGRESS: "regression"}


def input_of(lease: Lease, name: str, method: str) -> str:
    """The one input of the signature called `name`, which is meant for `method`.

    Raises:
        InvalidInput: its inputs or outputs are not those of `method`.
    """
    signature, noun = lease.manifest.signatures[name], _NOUNS[method]
    if len(signature.inputs) != 1:
        raise InvalidInput("Expected one input Tensor.")
    if method == saved_model.REGRESS and len(signature.outputs) != 1:
        raise InvalidInput("Expected one output Tensor.")
    if len(signature.outputs) > 2:
        raise InvalidInput(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if _INPUTS not in signature.inputs:
        raise InvalidInput(
            f"No {noun} inputs found in SignatureDef: '{name}' takes "
            f"{', '.join(signature.inputs)}, not {_INPUTS}"
        )
    wanted = ("outputs",) if method == saved_model.REGRESS else ("classes", "scores")
    if signature.outputs.keys().isdisjoint(wanted):
        raise InvalidInput(
            f"Expected {noun} signature outputs to contain {' or '.join(wanted)}; '{name}' gives "
            f"{', '.join(signature.outputs)}"
        )
    return _INPUTS


def labels_and_scores(outputs: Tensors, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """A label and a score of each class of `count` examples; missing ones are empty or 0.

    Raises:
        InvalidInput: the outputs do not have a row for each example.
    """
    found = {name: outputs[name] for name in ("classes", "scores") if name in outputs}
    for name, array in found.items():
        if array.ndim != 2:
            raise InvalidInput(
                f"Expected Tensor shape: [batch_size num_classes] but got {list(array.shape)}"
            )
        if len(array) != count:
            raise InvalidInput(f"Expected {name} output batch size of {count}. Got: {len(array)}")
    sizes = [array.shape[1] for array in found.values()]
    if len(set(sizes)) > 1:
        raise InvalidInput(
            f"Tensors class and score should match in dim_size(1). Got {sizes[0]} vs. {sizes[1]}"
        )
    shape = (count, sizes[0])
    labels = found.get("classes", np.full(shape, "", object))
    scores = found.get("scores", np.zeros(shape, np.float32))
    return labels, scores


def values(outputs: Tensors, count: int) -> NDArray[Any]:
    """A number for each of `count` examples.

    Raises:
        InvalidInput: the outputs do not have one for each.
    """
    values = outputs["outputs"]
    if values.ndim not in (1, 2) or values.shape[1:] not in ((), (1,)):
        raise InvalidInput(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{list(values.shape)}"
        )
    if len(values) != count:
        raise InvalidInput(
            f"Input batch size did not match output batch size: {count} vs. {len(values)}"
        )
    return values.reshape(-1)
