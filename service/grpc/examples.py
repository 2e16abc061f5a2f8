"""Classification and regression of `tensorflow.Example`s, as TensorFlow Serving answers them.

Such a signature has one input, the examples as they were serialized, one string each; it parses
them itself. A classification's outputs are called `classes` (labels) and `scores`, of which one may
be missing; a regression's is called `outputs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from grpc import StatusCode
from numpy.typing import NDArray

from service import datatypes
from service.errors import InferenceFailed
from service.grpc.protos.tensorflow_serving_pb2 import (
    ClassificationResult,
    Input,
    RegressionResult,
)
from service.grpc.status import Refused
from service.manifest import Signature
from service.runtimes import Tensors

_CLASSES: Final = "classes"
_SCORES: Final = "scores"
_VALUES: Final = "outputs"
CLASSIFICATION: Final = (_CLASSES, _SCORES)
"""The outputs of a classification, of which one may be missing."""
REGRESSION: Final = (_VALUES,)
"""The output of a regression."""


def read(sent: Input, name: str, signature: Signature) -> Tensors:
    """The input of the signature called `name`: the examples as strings.

    Raises:
        Refused: the signature takes no examples, or there are none.
    """
    takes = list(signature.inputs.items())
    if len(takes) != 1 or takes[0][1].dtype != "string":
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"the signature '{name}' takes {', '.join(signature.inputs)}, no tensorflow.Example: "
            "call Predict with its tensors",
        )
    examples = list(sent.example_list.examples)
    if sent.WhichOneof("kind") == "example_list_with_context":
        # Serialized messages one after the other are the message merged of both, the later first.
        context = sent.example_list_with_context.context
        examples = [context + each for each in sent.example_list_with_context.examples]
    if not examples:
        raise Refused(StatusCode.INVALID_ARGUMENT, "Input is empty.")
    return {takes[0][0]: datatypes.strings(examples, [len(examples)])}


def outputs(name: str, signature: Signature, known: tuple[str, ...]) -> list[str]:
    """Those of the `known` outputs that the signature called `name` has.

    Raises:
        Refused: it has none of them.
    """
    has = [each for each in known if each in signature.outputs]
    if not has:
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"the signature '{name}' gives {', '.join(signature.outputs)}, "
            f"not {' and '.join(known)}: call Predict for its tensors",
        )
    return has


def classes(answer: Tensors, inputs: Tensors) -> ClassificationResult:
    """The classes of each of the examples in `inputs`.

    Raises:
        InferenceFailed: the outputs do not have a row for each example.
    """
    [rows] = map(len, inputs.values())
    labels, scores = answer.get(_CLASSES), answer.get(_SCORES)
    given = [array for array in (labels, scores) if array is not None]
    if any(array.ndim != 2 or array.shape != (rows, *given[0].shape[1:]) for array in given):
        raise _wrong(given, f"({rows}, classes)")
    result = ClassificationResult()
    for row in range(rows):
        classifications = result.classifications.add()
        for index in range(given[0].shape[1]):
            one = classifications.classes.add()
            if labels is not None:
                one.label = labels[row, index]
            if scores is not None:
                one.score = scores[row, index]
    return result


def values(answer: Tensors, inputs: Tensors) -> RegressionResult:
    """The value of each of the examples in `inputs`.

    Raises:
        InferenceFailed: the output does not have one value for each example.
    """
    [rows], array = map(len, inputs.values()), answer[_VALUES]
    if array.shape not in ((rows,), (rows, 1)):
        raise _wrong([array], f"({rows},) or ({rows}, 1)")
    result = RegressionResult()
    for value in array.ravel().tolist():
        result.regressions.add(value=value)
    return result


def _wrong(arrays: Sequence[NDArray[Any]], shape: str) -> InferenceFailed:
    given = " and ".join(str(array.shape) for array in arrays)
    return InferenceFailed(f"the model gave {given} where {shape} was expected")
