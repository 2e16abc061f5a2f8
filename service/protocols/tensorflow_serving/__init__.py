"""TensorFlow Serving's REST protocol, under `/v1/models/`."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from service.protocols.tensorflow_serving import classify, predict, route, status

router: Final = APIRouter()
for _module in (predict, classify, status, route):  # in this order paths are looked for
    router.routes.extend(_module.router.routes)
