"""Requests that TensorFlow Serving refuses, and the reasons that it gives."""

from __future__ import annotations

import httpx

BAD_REQUESTS: list[tuple[str, object, str]] = [
    ("half_plus_two", b"", "JSON Parse error: The document is empty"),
    ("half_plus_two", b'{"instances": [', "JSON Parse error: "),
    ("half_plus_two", b"[1]", "JSON Value: [1] Is not object"),
    ("half_plus_two", {}, "Missing 'inputs' or 'instances' key"),
    ("half_plus_two", {"instances": []}, "No values in 'instances' array"),
    ("half_plus_two", {"instances": 1}, "Excepting 'instances' to be an list/array"),
    ("half_plus_two", {"instances": [[1]], "inputs": [[1]]}, "expecting only one of"),
    ("half_plus_two", {"instances": [[1]], "signature_name": 5}, "'signature_name' key must"),
    (
        "half_plus_two",
        {"instances": [[1]], "signature_name": "no"},
        'Serving signature name: "no" not found in signature def',
    ),
    (
        "half_plus_two",
        {"instances": [[1], ["a"]]},
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
        'JSON Value: "a" Type: String is not of expected type: float',
    ),
    (
        "half_plus_two",
        {"instances": [[1], [1, 2]]},
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
        "Expecting tensor size: 1 but got: 2",
    ),
    (
        "half_plus_two",
        {"instances": [[1], [[1]]]},
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
        "Expecting shape [1] but got: [1, 1]",
    ),
    (
        "half_plus_two",
        {"instances": [[1], {"x": [1]}]},
        "Expecting value/list but got object at item 1 of input list",
    ),
    (
        "half_plus_two",
        {"instances": [{"x": [1]}, [1]]},
        "Expecting object but got list at item 1 of input list",
    ),
    (  # shapes are the graph's to refuse
        "types",
        {"signature_name": "pair", "inputs": {"a": [[1], [2]], "b": [1, 2, 3]}},
        "the model refused its inputs: ",
    ),
    ("half_plus_two", {"inputs": {"y": 1}}, "Missing named input: x in 'inputs' object."),
    ("half_plus_two", b'{"instances": [[true]]}', "Type: True is not of expected type: float"),
    (
        "types",
        {"signature_name": "int32", "instances": [1, 2.0]},
        "JSON Value: 2.0 Type: Number is not of expected type: int32",
    ),
    (
        "types",
        {"signature_name": "uint8", "instances": [256]},
        "JSON Value: 256 Type: Number is not of expected type: uint8",
    ),
    ("types", {"signature_name": "pair", "instances": [1]}, "expecting list of objects as"),
    ("types", {"signature_name": "pair", "inputs": [1]}, "expecting an object as multiple"),
    (
        "types",
        {"signature_name": "pair", "instances": [{"a": [1, 2], "b": 1}, {"a": [1, 2]}]},
        "Failed to process element: 1 of 'instances' list. JSON object: {\"a\":[1,2]} keys "
        "must be equal to: a,b",
    ),
    (
        "types",
        {"signature_name": "pair", "instances": [{"a": [1, 2], "b": 1, "c": 1}]},
        "Failed to process element: 0 key: c of 'instances' list. Error: INVALID_ARGUMENT: "
        "JSON object: does not have named input: c",
    ),
    (
        "types",
        {"signature_name": "pair", "instances": [{"a": [1, 2], "b": "x"}]},
        "Failed to process element: 0 key: b of 'instances' list. Error: INVALID_ARGUMENT: ",
    ),
    ("strings", {"instances": [{"b64": "?"}]}, "Unable to base64 decode"),
    ("strings", {"instances": [1]}, "Type: Number is not of expected type: string"),
    (
        "half_plus_three/labels/no",
        {"instances": [[1]]},
        "Unrecognized servable version label: no",
    ),
    (
        "half_plus_two/versions/9223372036854775808",
        {"instances": [[1]]},
        "Failed to convert version: 9223372036854775808 to numeric.",
    ),
]
"""The path of a model, a body for `:predict`, and a part of the reason."""


def refusal(reply: httpx.Response, status: int) -> str:
    """The reason in a refusal, once it is sure that it is one."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"]
    said = reply.json()
    assert list(said) == ["error"]
    return str(said["error"])
