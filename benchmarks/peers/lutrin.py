"""This service."""

from __future__ import annotations

import json

from benchmarks.peers import Answer, Peer, Request, Task, dense


def request(task: Task) -> Request:
    """Images as they are; texts in OpenAI's JSON."""
    if not task.is_text:
        return Request(f"/v1/classify?model={task.model}", task.inputs, task.content_type)
    bodies = [
        json.dumps({"model": task.model, "input": text.decode(), "encoding_format": "float"})
        for text in task.inputs
    ]
    return Request("/v1/embeddings", [body.encode() for body in bodies], "application/json")


def answer(body: bytes) -> Answer:
    """The best classes, or the vector."""
    reply = json.loads(body)
    if "data" in reply:
        return dense(reply["data"][0]["embedding"])
    return {each["index"]: each["score"] for each in reply["results"][0]["predictions"]}


PEER = Peer(
    title="Lutrin",
    command=lambda task: ["-m", "service"],
    request=request,
    answer=answer,
    environment={"LOG_LEVEL": "warning"},
    takes=lambda task: True,
)
