"""KServe's own models read our manifests: python -m tests.kserve_manifests deploy/kserve/*.yaml

Prints the fields that they do not know. A process of its own: KServe's gRPC messages have the
names of Triton's, and one process takes one of them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import kserve.models
import kubernetes.client
import yaml


def main() -> None:
    """Print the unknown fields of each manifest."""
    for name in sys.argv[1:]:
        manifest = yaml.safe_load(Path(name).read_text())
        version = manifest["apiVersion"].rpartition("/")[2].capitalize()
        for field in _unknown(manifest, f"{version}{manifest['kind']}", manifest["kind"]):
            print(f"{name}: {field}")


def _unknown(value: Any, kind: str, path: str) -> list[str]:
    """The fields of a manifest that the SDK's class of its kind does not have."""
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        return [
            found
            for index, each in enumerate(value)
            for found in _unknown(each, match[1], f"{path}[{index}]")
        ]
    model = getattr(kserve.models, kind, None) or getattr(kubernetes.client, kind, None)
    if model is None or not isinstance(value, dict):
        return []
    attributes = {json: name for name, json in model.attribute_map.items()}
    if kind == "V1beta1PredictorSpec":
        # The Go type embeds a pod's and an extension's fields, which the SDK spells out.
        assert "containerConcurrency" in attributes
    return [
        found
        for name, each in value.items()
        for found in (
            _unknown(each, model.openapi_types[attributes[name]], f"{path}.{name}")
            if name in attributes
            else [f"{path}.{name}"]
        )
    ]


if __name__ == "__main__":
    main()
