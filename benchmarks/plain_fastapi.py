"""The peer that most people write first: FastAPI, Pillow and `tf.saved_model.load` in one file."""

from __future__ import annotations

import io
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import uvicorn
from fastapi import FastAPI, Request
from PIL import Image

app = FastAPI()
model = tf.saved_model.load(sys.argv[1] if len(sys.argv) > 1 else "models/mnist-lenet5/1")
signature = model.signatures["classify"]


@app.get("/health/ready")
async def ready() -> dict[str, bool]:
    """Whether it answers."""
    return {"ready": True}


@app.post("/v1/classify")
async def classify(request: Request) -> dict[str, list[float]]:
    """Probabilities of one 28×28 picture."""
    picture = Image.open(io.BytesIO(await request.body())).convert("L")
    images = np.asarray(picture, np.uint8)[None, :, :, None]
    probabilities = signature(images=tf.constant(images))["probabilities"]
    return {"probabilities": probabilities[0].numpy().tolist()}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), access_log=False, log_level="warning")
