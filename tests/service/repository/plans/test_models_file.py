"""models.yaml: read into plans, and every mistake named with its line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from service.errors import InvalidPlan
from service.repository.plans import models_file
from service.repository.plans.plan import Plan, Plans
from service.settings import Settings

_WHOLE = """
models:
  mnist-lenet5:
    versions: latest 2          # the newest n that load
    labels: {stable: 1, canary: 2}
    traffic: {canary: 5%}
    rollback: {error_rate: 2%, latency: 1.5, requests: 100}
    pinned: yes
    runtime: openvino
    device: cpu
    precision: float32
  on: {labels: {1: 3}, shadow: '1'}
  plain:
defaults: {versions: all}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "models.yaml"


def read(file: Path, content: str | bytes) -> Plans:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return models_file.read(file)


def refusal(file: Path, content: str | bytes) -> str:
    with pytest.raises(InvalidPlan) as caught:
        read(file, content)
    return caught.value.message.replace(str(file), "F")


def test_a_file_is_read_into_plans(file: Path) -> None:
    plans = read(file, _WHOLE)
    lenet = plans.of("mnist-lenet5")
    assert lenet == Plan.model_validate(
        {
            **{"versions": "latest 2", "labels": {"stable": 1, "canary": 2}, "pinned": True},
            **{"traffic": {"canary": 0.05}, "runtime": "openvino", "device": "cpu"},
            **{"precision": "float32"},
            "rollback": {"error_rate": 0.02, "latency": 1.5, "requests": 100},
        }
    )
    assert plans.of("on").labels == {"1": 3}, "names are texts, whatever YAML makes of them"
    for name in ("on", "plain", "unheard-of"):
        assert plans.of(name).versions.count is None, "as the defaults say"


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n", "models:\n", "\ufeffmodels: {}"])
def test_a_file_that_says_nothing_plans_nothing(file: Path, content: str) -> None:
    assert read(file, content) == Plans()


def test_without_a_file_nothing_is_planned_unless_the_settings_name_it(file: Path) -> None:
    settings = Settings(models_dir=file.parent)
    assert models_file.load(settings) == Plans()
    file.write_text("defaults: {pinned: true}")
    assert models_file.load(settings).of("any").pinned
    with pytest.raises(InvalidPlan, match=r"MODELS_FILE=.*no.yaml is not there"):
        models_file.load(Settings(models_dir=file.parent, models_file=file.with_name("no.yaml")))


def test_each_mistake_is_named_with_its_line_and_all_at_once(file: Path) -> None:
    said = refusal(
        file,
        """models:
  a:
    versions: 3
    labels: {stable: 1.5}
    trafic:
      canary: 5%
  b:
    labels: {stable: 1}
    pinned: perhaps
    traffic:
      canary: 120%
      stabel: 5%
    rollback:
      requests: 5
      latncy: 2
  c: [1]
  "d e": {device: tpu}
  f: {versions: all, versions: [1, x]}
lenet: {}
""",
    )
    lines = [
        "F has 11 mistakes:",
        "F:3: models.a.versions: got 3: a policy is `latest 2` (the newest two), `all` or a list",
        "F:4: models.a.labels.stable: got 1.5: expected a whole number from 1 on",
        "F:5: models.a.trafic: there is no such key (did you mean 'traffic'?); known are:",
        "F:9: models.b.pinned: got 'perhaps': expected true or false",
        "F:11: models.b.traffic.canary: got '120%': a share is from 0% to 100%, written 5% or 0.05",
        "F:14: models.b.rollback.requests: got 5: expected a number greater than or equal to 10",
        "F:15: models.b.rollback.latncy: there is no such key (did you mean 'latency'?)",
        "F:16: models.c: got [1]: expected a map, such as {versions: latest 1}",
        "F:17: models.'d e': a model's name is letters",
        "F:17: models.'d e'.device: got 'tpu': a device is 'cpu', 'gpu' or a list",
        "F:18: models.f.versions: it is written twice, first in line 18: keep one of them",
        "F:18: models.f.versions: got [1, 'x']: expected a whole number from 1 on",
        "F:19: lenet: there is no such key; known are: models, defaults. Models stand under",
    ]
    told = said.splitlines()
    assert told[0] == f"F has {len(lines) - 1} mistakes:"
    missing = [
        line for line in lines[1:] if not any(each.strip().startswith(line) for each in told)
    ]
    assert not missing, said


def test_what_does_not_agree_with_the_defaults_is_told_for_the_model(file: Path) -> None:
    said = refusal(
        file,
        "models:\n  a: {labels: {b: 1, c: 2}}\ndefaults:\n  labels: {x: 1}\n  traffic: {x: 20%}\n",
    )
    assert (
        said == "F:5: defaults.traffic.x: for models.a: there is no label 'x'; 'labels' has: b, c"
    )
    said = refusal(file, "models:\n  a: {}\n  b: {}\ndefaults:\n  pinned: 3\n")
    assert said == "F:5: defaults.pinned: got 3: expected true or false", "once"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("models:\n\ta: {}\n", "F:2: a tab indents this line: YAML takes spaces"),
        ("models: {\n a: [1,\n}", "F:3: it is no YAML: "),
        ("models: {", "F:1: it is no YAML: "),
        ("models: {\n", "F:2: it is no YAML: "),
        ("- a", "F:1: got ['a']: expected a map with the keys 'models' and 'defaults'"),
        ("mnist", "F:1: got 'mnist': expected a map"),
        ("models: 5", "F:1: models: got 5: expected a map of models' names to their plans"),
        ("models:\n  a: &x {}\n", "F:2: models.a: anchors and aliases"),
        ("models:\n  a: *x\n", "F:2: models.a: anchors and aliases"),
        ("models:\n  ? *x\n  : 1\n", "F:2: models: a key is a word"),
        ("models:\n  a: !!python/object:os.system x\n", "F:2: models.a: the tag 'tag:yaml.org"),
        ("models: {}\n---\nmodels: {}\n", "F:2: a second document begins: one is read"),
        ("models:\n  ? [a]\n  : b\n", "F:2: models: a key is a word, not a list"),
        ("models:\n  a: {labels: {x: 1:30}}\n", "F:2: models.a.labels.x: got '1:30'"),
        (b"models:\n  \xff: {}\n", "F:2: the byte 0xff is not UTF-8"),
        ("models: {}\n".encode("utf-16"), "F:1: the byte 0xff is not UTF-8"),
        ("models:\n  a\0: {}\n", "F:2: there is a control character, '\\x00': is it text?"),
        ("x: " + "[" * 200_000, "nested more than 12 deep"),
        ("- " * 100_000, "nested more than 12 deep"),
        (b"#" * 10_000_000, "F has more than 1048576 bytes"),
    ],
)
def test_what_is_no_plan_is_refused(file: Path, content: str | bytes, said: str) -> None:
    started = time.perf_counter()
    assert said in refusal(file, content)
    assert time.perf_counter() - started < 2


def test_a_folder_in_its_place_is_refused(file: Path) -> None:
    file.mkdir()
    with pytest.raises(InvalidPlan, match="cannot be read"):
        models_file.read(file)


def test_hundreds_of_models_are_read_in_no_time(file: Path) -> None:
    entry = _WHOLE.split("models:\n")[1].split("  on:", maxsplit=1)[0]
    many = "models:\n" + "".join(entry.replace("mnist-lenet5", f"m{n}") for n in range(300))
    started = time.perf_counter()
    assert len(read(file, many).by_name) == 300
    assert time.perf_counter() - started < 10
