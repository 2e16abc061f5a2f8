"""The peer that most people write first: FastAPI, Pillow and `tf.saved_model.load` in one file."""

from __future__ import annotations

import io
import json
import os
import sys

from benchmarks.peers import Answer, Peer, Request, dense


def answer(body: bytes) -> Answer:
    """All probabilities."""
    return dense(json.loads(body)["probabilities"])


PEER = Peer(
    title="plain FastAPI + TensorFlow",
    command=lambda task: [
        *("-m", "benchmarks.peers.plain_fastapi"),
        *(str(task.export), task.signature, *map(str, task.shape)),
    ],
    request=lambda task: Request("/v1/classify", task.inputs, task.content_type),
    answer=answer,
)


def main() -> None:
    """Serve an export's signature: EXPORT SIGNATURE HEIGHT WIDTH CHANNELS."""
    import fastapi  # noqa: PLC0415 — only the server needs what follows
    import numpy as np  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415
    import uvicorn  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    export, name = sys.argv[1:3]
    height, width, channels = map(int, sys.argv[3:6])
    app = fastapi.FastAPI()
    signature = tf.saved_model.load(export).signatures[name]

    @app.get("/health/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    async def classify(request: fastapi.Request) -> dict[str, list[float]]:
        opened = Image.open(io.BytesIO(await request.body()))
        image = opened.convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        images = np.asarray(image, np.uint8).reshape(1, height, width, channels)
        probabilities = signature(images=tf.constant(images))["probabilities"]
        return {"probabilities": probabilities[0].numpy().tolist()}

    # The annotations are texts here, and FastAPI looks for what they name among the globals.
    classify.__annotations__["request"] = fastapi.Request
    app.post("/v1/classify")(classify)
    uvicorn.run(app, port=int(os.environ["PORT"]), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
