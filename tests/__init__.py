"""The tests; folders and files mirror the sources."""

import sys

# On import OpenVINO reports its use to its makers where this package is found: None hides it.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as documented
