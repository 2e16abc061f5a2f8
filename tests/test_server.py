"""The tests' own server is run by the tests' settings alone."""

from __future__ import annotations

import pytest

from service.settings import Settings
from tests.server import Server


def test_a_developers_settings_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "mine")
    monkeypatch.setenv("max_queue", "mine")
    server = Server(MODELS_DIR="theirs")
    assert "mine" not in server.environment.values()
    assert server.environment["MODELS_DIR"] == "theirs"
    assert not (server.cwd / ".env").exists()
    assert not (server.cwd / "service").exists()
