"""KServe: its own models take our manifests, and a pod made from them answers as its URLs say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.server import Server

ROOT = Path(__file__).parents[2]
KSERVE = ROOT / "deploy" / "kserve"
EXPORT = ROOT / "models" / "mnist-lenet5"
SERVICES = sorted(KSERVE.glob("inferenceservice*.yaml"))
DIGIT = (ROOT / "docs" / "seven.png").read_bytes()


def test_the_sdk_knows_every_field() -> None:
    manifests = [str(path) for path in sorted(KSERVE.glob("*.yaml"))]
    assert len(manifests) > len(SERVICES)
    asked = subprocess.run(
        [sys.executable, "-m", "tests.kserve_manifests", *manifests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (asked.returncode, asked.stdout) == (0, ""), asked.stdout + asked.stderr


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_the_runtime_serves_what_the_examples_ask_for(path: Path) -> None:
    runtime = yaml.safe_load((KSERVE / "clusterservingruntime.yaml").read_text())["spec"]
    model = yaml.safe_load(path.read_text())["spec"]["predictor"]["model"]
    formats = [(each["name"], each["version"]) for each in runtime["supportedModelFormats"]]
    assert (model["modelFormat"]["name"], model["modelFormat"]["version"]) in formats
    assert model["protocolVersion"] in runtime["protocolVersions"]


def _environment(name: str) -> dict[str, str]:
    """What KServe sets in the container of an InferenceService."""
    runtime = yaml.safe_load((KSERVE / "clusterservingruntime.yaml").read_text())["spec"]
    [container] = runtime["containers"]
    return {each["name"]: each["value"].replace("{{.Name}}", name) for each in container["env"]}


@pytest.mark.parametrize("layout", ["versions", "flat", "models"])
def test_a_pod_answers_by_the_name_of_its_service(layout: str, tmp_path: Path) -> None:
    mounted = tmp_path / "mnt" / "models"
    place = {"versions": mounted / "1", "flat": mounted, "models": mounted / "digits" / "1"}
    shutil.copytree(EXPORT / "1", place[layout])
    here = {"MODELS_DIR": str(mounted), "HOST": "127.0.0.1", "PORT": "0"}
    settings: dict[str, Any] = _environment("digits") | here
    with Server(**settings) as pod:
        pixels = [[[[0]] * 28] * 28]
        v1 = pod.client.post("/v1/models/digits:predict", json={"instances": pixels})
        assert v1.status_code == 200, v1.text
        assert len(v1.json()["predictions"]) == 1
        assert pod.client.get("/v2/models/digits/ready").status_code == 200
        answer = pod.client.post("/v1/classify?model=digits&top_k=1", files={"image": DIGIT})
        assert answer.json()["results"][0]["predictions"][0]["label"] == "7"
