"""Infinity, a server of embeddings, with its engine of PyTorch and the weights as they came."""

from __future__ import annotations

import json

from benchmarks.peers import Answer, Peer, Request, Task, dense


def request(task: Task) -> Request:
    """OpenAI's JSON."""
    bodies = [
        json.dumps({"model": task.model, "input": text.decode(), "encoding_format": "float"})
        for text in task.inputs
    ]
    return Request("/embeddings", [body.encode() for body in bodies], "application/json")


def answer(body: bytes) -> Answer:
    """The vector."""
    return dense(json.loads(body)["data"][0]["embedding"])


PEER = Peer(
    title="Infinity 0.0.78 (torch)",
    command=lambda task: [
        *("-m", "infinity_emb.cli", "v2", "--model-id", str(task.source), "--engine", "torch"),
        *("--device", "cpu", "--served-model-name", task.model, "--log-level", "error"),
    ],
    request=request,
    answer=answer,
    ready="/health",
    requirements=(
        "infinity-emb[server,torch]==0.0.78",
        *("click==8.1.8", "typer==0.12.5"),  # newer ones break its command line
        *("transformers==4.57.6", "sentence-transformers==3.4.1", "numpy==1.26.4"),
    ),
    port_variable="INFINITY_PORT",
    environment={"DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"},
    takes=lambda task: task.is_text and task.source is not None,
)
