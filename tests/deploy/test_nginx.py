"""Processes behind nginx: the quick form of `python -m benchmarks.pods`."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from benchmarks import pods


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_callers_notice_neither_a_killed_process_nor_a_new_version() -> None:
    killed, updated, rolled = asyncio.run(pods.run(2, connections=4, seconds=0.2, restarts=1))
    for step in (killed, updated, rolled):
        assert len(step.seen.milliseconds) > 100
        assert step.seen.failures == [], step.name
    assert killed.seconds < 30  # 3 s on a quiet machine; the tests share it
