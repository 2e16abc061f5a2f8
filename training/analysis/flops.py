"""Floating point operations of a TensorFlow graph: 2 for every multiply–add.

Counted are convolutions and matrix products, as in the papers' tables, which name half as much:
He et al., 2016 (arXiv:1512.03385), table 1, count multiply–adds. What is done once for each value,
such as biases, activations, normalizations, pooling and the softmax, is not: it is a hundredth of
the work of most networks. A product with the zeros of a padding counts like any other.

    convolution           2 · B·H'·W'·K · h·w·C/groups        images (B, H, W, C) → (B, H', W', K)
    depthwise             2 · B·H'·W'·C·M · h·w               M maps a channel
    transposed            2 · B·H·W·C · h·w·K                 every pixel of the input is spread
    matrix product        2 · … · n·m·k                       (…, n, k) × (…, k, m)
    einsum                2 · the product of all its axes
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any, Final

from training.errors import TrainingError

CALLS: Final = frozenset({"PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile"})
"""Operations that run a function of their own, so that a graph does not say how much they do."""


def flops(operation: Any) -> int:
    """The FLOPs of one `tf.Operation`, whose shapes are known; 0 where it is none of the above.

    Raises:
        TrainingError: it is a loop or a call around what is counted, so nobody knows how much.
    """
    if operation.type in CALLS:
        _refuse_hidden(operation)
    count = _FORMULAS.get(operation.type)
    return 0 if count is None else count(operation)


def _convolution(operation: Any) -> int:
    kernel = operation.inputs[1].shape  # (h, w, C/groups, K)
    return 2 * _size(operation.outputs[0].shape) * _size(kernel[:-1])


def _depthwise(operation: Any) -> int:
    kernel = operation.inputs[1].shape  # (h, w, C, M)
    return 2 * _size(operation.outputs[0].shape) * _size(kernel[:2])


def _transposed(operation: Any) -> int:
    _, kernel, images = operation.inputs  # the kernel is (h, w, K, C): that of the way back
    return 2 * _size(images.shape) * _size(kernel.shape[:-1])


def _product(operation: Any) -> int:
    summed = -2 if operation.get_attr("transpose_a") else -1
    return 2 * _size(operation.outputs[0].shape) * int(operation.inputs[0].shape[summed])


def _batch_product(operation: Any) -> int:
    summed = -2 if operation.get_attr("adj_x") else -1
    return 2 * _size(operation.outputs[0].shape) * int(operation.inputs[0].shape[summed])


def _einsum(operation: Any) -> int:
    equation = operation.get_attr("equation").decode()
    terms = equation.partition("->")[0].split(",")
    if len(terms) < 2:  # a transposition or a sum
        return 0
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms, operation.inputs, strict=True):
        sizes |= _axes(term, tensor.shape)
    return 2 * prod(sizes.values())


def _axes(term: str, shape: Any) -> Iterable[tuple[str, int]]:
    """The sizes of an operand's axes by letter; those of its ellipsis by their place from behind.

    >>> dict(_axes("a...b", (2, 3, 4, 5)))
    {'a': 2, '-2': 3, '-1': 4, 'b': 5}
    """
    front, dots, back = term.partition("...")
    hidden = len(shape) - len(front) - len(back) if dots else 0
    names = [*front, *(str(place - hidden) for place in range(hidden)), *back]
    return zip(names, (int(size) for size in shape), strict=True)


def _refuse_hidden(operation: Any) -> None:
    library = {
        function.signature.name: function.node_def
        for function in operation.graph.as_graph_def().library.function
    }
    hidden = _FORMULAS.keys() & _types(operation.node_def, library)
    if hidden:
        raise TrainingError(
            f"{operation.name} computes {', '.join(sorted(hidden))} in a loop or call, so its "
            "FLOPs cannot be counted: unroll it"
        )


def _types(node: Any, library: Mapping[str, Iterable[Any]]) -> set[str]:
    """The types of the operations in the functions that a node of a graph runs."""
    inside = [each for value in node.attr.values() for each in library.get(value.func.name, ())]
    return {each.op for each in inside}.union(*(_types(each, library) for each in inside))


def _size(shape: Iterable[Any]) -> int:
    return prod(int(size) for size in shape)


_FORMULAS: Final[dict[str, Callable[[Any], int]]] = {
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    "Conv3DBackpropInputV2": _transposed,
    "MatMul": _product,
    "BatchMatMul": _batch_product,
    "BatchMatMulV2": _batch_product,
    "BatchMatMulV3": _batch_product,
    "Einsum": _einsum,
}
