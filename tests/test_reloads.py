"""New versions under load, a few times: the quick form of `python -m benchmarks.reloads`."""

from __future__ import annotations

from benchmarks import reloads


def test_new_versions_cost_no_request_and_no_memory() -> None:
    result = reloads.run(9)
    assert len(result.seen.milliseconds) > 500, "they came under load"
    assert result.seen.failures == []
    assert result.end_mb < 1.1 * result.start_mb
