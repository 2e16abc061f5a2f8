"""The Open Inference Protocol over HTTP, which several servers speak."""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.peers import Answer, Request, dense


def binary(model: str, datatype: str, shape: Sequence[int], data: bytes) -> Request:
    """The tensor `images` in binary, behind the JSON whose length goes into a header."""
    size = {"binary_data_size": len(data)}
    tensor = {"name": "images", "datatype": datatype, "shape": shape, "parameters": size}
    head = json.dumps({"inputs": [tensor]}).encode()
    length = {"Inference-Header-Content-Length": str(len(head))}
    return Request(f"/v2/models/{model}/infer", [head + data], headers=length)


def answer(body: bytes) -> Answer:
    """All numbers of the first output."""
    return dense(json.loads(body)["outputs"][0]["data"])
