"""Signatures are converted where they can be, and OpenVINO tells nobody of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import openvino
import pytest

from training.exporting.conversion import convert


def test_what_openvino_cannot_express_is_left_out_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no rule for the operation Foo\nand a page of more")

    monkeypatch.setattr(openvino, "convert_model", refuse)
    convert(None, tmp_path / "classify.xml")
    assert list(tmp_path.iterdir()) == []
    assert "no rule for the operation Foo" in caplog.text
    assert "a page of more" not in caplog.text


def test_openvino_reports_to_nobody() -> None:
    code = (
        "import training.exporting.conversion; "
        "from openvino.tools.ovc import telemetry_stub, telemetry_utils; "
        "assert telemetry_utils.tm is telemetry_stub"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
