"""Counts of requests and batches, in the fields of Triton's statistics extension."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from google.protobuf import json_format
from tritonclient.grpc import service_pb2

from service.observability.statistics import Statistics


def test_nothing_has_happened_yet() -> None:
    said = Statistics().as_dict()
    assert said["last_inference"] == said["inference_count"] == said["execution_count"] == 0
    assert said["batch_stats"] == []
    assert all(each == {"count": 0, "ns": 0} for each in said["inference_stats"].values())


def test_requests_that_share_batches_are_counted_apart_from_them() -> None:
    statistics, before = Statistics(), time.time() * 1000
    statistics.batch(3, 0.002)
    statistics.batch(3, 0.004)
    statistics.batch(1, 0.001)
    statistics.request(0.010, 0.006, ok=True)
    statistics.request(0.005, 0.001, ok=True)
    statistics.request(0.5, 0.25, ok=False)
    said = statistics.as_dict()
    assert said["inference_count"] == 7
    assert said["execution_count"] == 3
    assert before - 1 <= said["last_inference"] <= time.time() * 1000
    spans = said["inference_stats"]
    assert spans["success"] == {"count": 2, "ns": 15_000_000}
    assert spans["fail"] == {"count": 1, "ns": 500_000_000}
    assert spans["queue"] == {"count": 2, "ns": 7_000_000}
    assert spans["compute_infer"] == {"count": 2, "ns": 8_000_000}
    sizes = {each["batch_size"]: each["compute_infer"] for each in said["batch_stats"]}
    assert sizes == {1: {"count": 1, "ns": 1_000_000}, 3: {"count": 2, "ns": 6_000_000}}


def test_its_fields_are_those_of_triton_s_message() -> None:
    statistics = Statistics()
    statistics.batch(2, 0.5)
    statistics.request(1.0, 0.5, ok=True)
    message = json_format.ParseDict(statistics.as_dict(), service_pb2.ModelStatistics())
    assert message.inference_stats.success.count == 1
    assert message.batch_stats[0].compute_infer.ns == 500_000_000


def test_threads_lose_no_count() -> None:
    statistics = Statistics()

    def run() -> None:
        for _ in range(5000):
            statistics.batch(2, 1e-6)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(run)
    assert statistics.as_dict()["inference_count"] == 40_000
