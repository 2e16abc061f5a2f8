"""What the service counts about itself, named once, for Prometheus."""

from __future__ import annotations

import contextlib
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REQUESTS: Final = Counter(
    "lutrin_requests", "Answers given, by route and HTTP status, or gRPC's.", ["route", "status"]
)
REQUEST_SECONDS: Final = Histogram(
    "lutrin_request_seconds",
    "Time from a request's arrival to its answer, in seconds.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
BATCH_ROWS: Final = Histogram(
    "lutrin_batch_rows",
    "Rows of each inference, by model.",
    ["model", "version"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
TOKENS: Final = Counter(
    "lutrin_tokens", "Tokens of the texts embedded, by model.", ["model", "version"]
)
QUEUED_ROWS: Final = Gauge(
    "lutrin_queued_rows", "Rows that wait for a model.", ["model", "version"]
)
IN_FLIGHT: Final = Gauge(
    "lutrin_requests_in_flight", "Requests that a model is answering.", ["model", "version"]
)
MODEL_READY: Final = Gauge(
    "lutrin_model_ready", "1 when the model reproduced its goldens, else 0.", ["model", "version"]
)
LOAD_SECONDS: Final = Histogram(
    "lutrin_load_seconds",
    "Time to load, prove and warm a version of a model, in seconds.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
LOAD_FAILURES: Final = Counter(
    "lutrin_load_failures",
    "Versions that could not be loaded or proven, by model; /v1/models has the reason.",
    ["model", "version"],
)
GOLDEN_ERROR: Final = Gauge(
    "lutrin_golden_error",
    "The largest absolute difference from the goldens when it was loaded.",
    ["model", "version"],
)
PLANS_VALID: Final = Gauge(
    "lutrin_models_file_valid", "1 when models.yaml is valid or not there, else 0."
)
SPLIT_CALLS: Final = Counter(
    "lutrin_split_calls",
    "Calls that named neither version nor label, where labels are planned, by who answered.",
    ["model", "version", "label"],
)
ROLLBACKS: Final = Counter(
    "lutrin_rollbacks", "How often a label's traffic was taken away.", ["model", "label"]
)
SHADOW_CALLS: Final = Counter(
    "lutrin_shadow_calls",
    "Calls that a shadow was asked too: same, different, failed, or dropped since it was busy.",
    ["model", "label", "outcome"],
)


def forget(model: str, version: str) -> None:
    """Drop the series of a version that is no longer served, and what they keep alive."""
    for family in (BATCH_ROWS, TOKENS, QUEUED_ROWS, IN_FLIGHT, MODEL_READY, GOLDEN_ERROR):
        with contextlib.suppress(KeyError):
            family.remove(model, version)
    SPLIT_CALLS.remove_by_labels({"model": model, "version": version})
