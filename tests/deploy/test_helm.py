"""The chart: Helm's own engine renders each documented combination to what Kubernetes takes."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from service.observability import metrics
from service.settings import Settings
from service.version import __version__

helm = pytest.importorskip("helm_python", reason="no wheel of helm-python-sdk for this machine")
kubernetes_validate = pytest.importorskip("kubernetes_validate")
jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "lutrin"
PAGE = ROOT / "docs" / "deploying.md"
KUBERNETES = "1.37"

_GATEWAY = {"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}]}
COMBINATIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "claim": {"models": {"source": "pvc", "pvc": {"claim": "models", "subPath": "served"}}},
    "bucket": {
        "models": {"source": "mirror", "mirror": {"address": "s3://bucket/models"}},
        "secrets": ["bucket-keys"],
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"}},
    },
    "bucket, one cache for all": {
        "models": {
            "source": "mirror",
            "mirror": {"address": "gs://bucket/models"},
            "cache": {"claim": "cache"},
        }
    },
    "bucket, a cache for each": {
        "kind": "StatefulSet",
        "models": {
            "source": "mirror",
            "mirror": {"address": "https://models.example/"},
            "cache": {"storageClass": "fast"},
        },
    },
    "image of models": {"models": {"source": "oci", "oci": {"reference": "registry/models:7"}}},
    "init container": {
        "models": {
            "source": "init",
            "init": {
                "image": "amazon/aws-cli",
                "command": ["aws", "s3", "sync", "s3://bucket/models", "/models"],
                "env": [{"name": "AWS_REGION", "value": "eu-central-1"}],
            },
        },
        "secrets": ["bucket-keys"],
    },
    "plan": {
        "models": {"plan": {"models": {"digits": {"labels": {"stable": 1, "canary": 2}}}}},
        "settings": {"MAX_QUEUE": 512, "REQUIRED_MODELS": ["digits"], "ACCESS_LOG": True},
    },
    "ingress": {
        "ingress": {"enabled": True, "className": "nginx", "host": "a.example", "tlsSecret": "a"}
    },
    "gateway": {"gateway": {**_GATEWAY, "hostnames": ["a.example"]}, "grpc": {"enabled": True}},
    "gateway, a canary": {"gateway": {**_GATEWAY, "canary": {"service": "next", "weight": 5}}},
    "hpa": {"autoscaling": {"type": "hpa"}},
    "keda": {"autoscaling": {"type": "keda", "cpuPercent": 0}},
    "monitoring": {
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboard": {"enabled": True},
        }
    },
    "gpu": {
        "image": {"tag": "service-gpu"},
        "gpu": {"count": 1},
        "nodeSelector": {"gpu": "a10"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    },
    "database of indexes": {"indexes": {"secret": "database"}},
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown value": ({"replica": 3}, "replica"),
    "secret in settings": ({"settings": {"ADMIN_TOKEN": "x"}}, "settings"),
    "setting in lower case": ({"settings": {"max_queue": 1}}, "max_queue"),
    "no address": ({"models": {"source": "mirror"}}, r"needs models\.mirror\.address"),
    "no claim": ({"models": {"source": "pvc"}}, r"needs models\.pvc\.claim"),
    "unknown scheme": ({"models": {"mirror": {"address": "ftp://x"}}}, "ftp://x|address"),
    "gateway without parents": ({"gateway": {"enabled": True}}, "parentRefs"),
    "admin of several": ({"settings": {"ADMIN": "true"}}, "changes one pod alone"),
    "workers on a gpu": ({"gpu": {"count": 1}, "settings": {"WORKERS": 2}}, "raise replicas"),
    "one claim, several writers": (
        {"models": {"source": "init", "init": {"image": "x"}, "cache": {"claim": "c"}}},
        "at once",
    ),
    "a volume each, of a deployment": (
        {"models": {"cache": {"storageClass": "fast"}}},
        "needs kind: StatefulSet",
    ),
}


def render(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The manifests of a release, by kind."""
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        rendered = chart.render(values, name="demo", namespace="prod")
    found = [each for text in rendered.values() for each in yaml.safe_load_all(text) if each]
    kinds = [each["kind"] + each["metadata"]["name"].removeprefix("demo-lutrin") for each in found]
    assert len(set(kinds)) == len(kinds)
    return dict(zip(kinds, found, strict=True))


@cache
def _crd(kind: str) -> Any:
    """The validator of a custom resource; None where the kind is one of Kubernetes' own."""
    path = Path(__file__).parent / "crds" / f"{kind}.json"
    return jsonschema.Draft7Validator(json.loads(path.read_text())) if path.exists() else None


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_combination_is_what_kubernetes_takes(name: str) -> None:
    for manifest in render(COMBINATIONS[name]).values():
        if (validator := _crd(manifest["kind"])) is not None:
            validator.validate(manifest)
        else:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_the_validators_refuse_what_no_schema_names() -> None:
    deployment = render({})["Deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(deployment, KUBERNETES, strict=True)
    route = render(COMBINATIONS["gateway"])["HTTPRoute"]
    route["spec"]["rules"][0]["backends"] = []
    with pytest.raises(jsonschema.ValidationError, match="backends"):
        _crd("HTTPRoute").validate(route)


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_refused_with_its_reason(name: str) -> None:
    values, reason = REFUSED[name]
    with pytest.raises(helm.HelmError, match=reason):
        render(values)


def test_helm_finds_nothing_to_mend() -> None:
    result = helm.lint(CHART, strict=True)
    findings = [each for each in result["messages"] if "icon" not in str(each)]
    assert not findings


@pytest.mark.parametrize("name", COMBINATIONS)
def test_every_variable_is_a_setting_that_the_service_takes(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workload = next(
        each
        for each in render(COMBINATIONS[name]).values()
        if each["kind"].endswith("Set") or each["kind"] == "Deployment"
    )
    [container] = workload["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    assert {each.lower() for each in variables} <= set(Settings.model_fields)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)  # no .env there
    settings = Settings()
    assert settings.port == 8000
    paths = {mount["mountPath"] for mount in container["volumeMounts"]}
    if settings.models_address is not None:
        assert str(settings.cache_dir) in paths


def test_the_page_shows_values_that_render() -> None:
    shown = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(shown) >= 5
    for text in shown:
        render(yaml.safe_load(text))


def test_pods_are_hardened() -> None:
    pod = render({})["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    for container in pod["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_pod_outlives_what_it_still_answers() -> None:
    pod = render({"drainSeconds": 7, "shutdownSeconds": 50})["Deployment"]["spec"]["template"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > 7 + 50


def test_a_canary_gets_its_share() -> None:
    route = render(COMBINATIONS["gateway, a canary"])["HTTPRoute"]
    weights = {each["name"]: each["weight"] for each in route["spec"]["rules"][0]["backendRefs"]}
    assert weights == {"demo-lutrin": 95, "next": 5}


def test_the_autoscaler_decides_how_many_pods_there_are() -> None:
    for kind in ("hpa", "keda"):
        assert "replicas" not in render({"autoscaling": {"type": kind}})["Deployment"]["spec"]


def test_what_is_watched_is_what_the_service_counts() -> None:
    kinds = (Counter, Gauge, Histogram)
    families = [each for each in vars(metrics).values() if isinstance(each, kinds)]
    names = {sample.name for each in families for sample in each.describe()} | {
        f"{each._name}{suffix}"
        for each in families
        for suffix in ("", "_total", "_bucket", "_sum", "_count")
    }
    text = (CHART / "dashboards" / "lutrin.json").read_text()
    text += json.dumps([render({"autoscaling": {"type": kind}}) for kind in ("hpa", "keda")])
    asked = set(re.findall(r"\blutrin_\w+", text))
    assert len(asked) > 5
    assert asked <= names


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
