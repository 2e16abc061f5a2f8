"""The tests; folders and files mirror the sources."""

import sys
from pathlib import Path
from typing import Final

# On import OpenVINO reports its use to its makers where this package is found: None hides it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as documented

ROOT: Final = Path(__file__).parents[1]
"""The repository."""
SHARED: Final = ROOT.parent / "shared"
"""Large data sets, where they are at hand."""
