"""The command line without a server: what it prints, and the status it ends with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli import main
from service.exports.folder import Export
from service.manifest import Manifest, golden_path, manifest_path, tokenizer_path
from service.settings import Settings
from tests import ROOT
from tests.breakage import OUTPUT, change_goldens
from tests.exports import write_classifier, write_foreign
from tests.images import DARK, LIGHT

Capture = pytest.CaptureFixture[str]
ON_CPU = ("--runtime", "openvino", "--device", "cpu")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the developer's environment nor their .env."""
    for variable in [name for name in os.environ if name.lower() in Settings.model_fields]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shade(models_dir: Path) -> str:
    return str(models_dir / "shade")


@pytest.fixture
def broken(models_dir: Path, tmp_path: Path) -> Export:
    """A copy of `shade` that the tests may break."""
    path = tmp_path / "models" / "broken" / "1"
    shutil.copytree(models_dir / "shade" / "1", path)
    return Export("broken", 1, path)


def status_of_exit(*arguments: str) -> object:
    """The status where argparse ends the program."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def test_inspect_prints_what_is_promised(shade: str, capsys: Capture) -> None:
    assert main(["inspect", shade]) == 0
    printed = capsys.readouterr().out
    assert "shade version 1: Tells dark images from light ones." in printed
    assert "signature classify (classify): images uint8 any×8×8×1 → " in printed
    assert "labels: 3 (dark, middle, light)" in printed


def test_inspect_prints_the_manifest_as_json(shade: str, capsys: Capture) -> None:
    assert main(["inspect", shade, "--json"]) == 0
    printed = Manifest.model_validate_json(capsys.readouterr().out)
    assert printed == Manifest.read(Path(shade) / "1")


def test_a_folder_without_an_export_is_refused(tmp_path: Path, capsys: Capture) -> None:
    assert main(["inspect", str(tmp_path)]) == 1
    assert "holds no export: expected <name>/<version>/" in capsys.readouterr().err


def test_verify_proves_a_good_export(shade: str, capsys: Capture) -> None:
    assert main(["verify", shade, *ON_CPU]) == 0
    printed = capsys.readouterr()
    assert "openvino in float32: largest error" in printed.out
    assert "FAILED" not in printed.err


def test_verify_says_why_an_export_does_not_hold(broken: Export, capsys: Capture) -> None:
    change_goldens(broken, lambda tensors: tensors.update({OUTPUT: tensors[OUTPUT][:, ::-1]}))
    assert main(["verify", str(broken.path), *ON_CPU]) == 1
    assert "openvino in float32 differs from the goldens by" in capsys.readouterr().err


def test_an_encoder_is_summed_up_and_proven_with_its_tokenizer(
    colours_dir: Path, tmp_path: Path, capsys: Capture
) -> None:
    export = Path(shutil.copytree(colours_dir / "colours" / "1", tmp_path / "colours" / "1"))
    assert main(["inspect", str(export)]) == 0
    summary = capsys.readouterr().out
    assert "signature embed_text (embed): tokens int32 any×any" in summary
    assert "texts: up to 16 tokens" in summary
    assert "embeddings: 8 dimensions" in summary
    assert main(["verify", str(export), *ON_CPU]) == 0
    tokenizer_path(export).write_text("{}")
    assert main(["verify", str(export), *ON_CPU]) == 1
    assert "tokenizer.json cannot be read" in capsys.readouterr().err


def test_verify_needs_the_goldens(broken: Export, capsys: Capture) -> None:
    golden_path(broken.path).unlink()
    assert main(["verify", str(broken.path), *ON_CPU]) == 1
    assert "golden.npz is missing" in capsys.readouterr().err


def test_classify_names_each_image(shade: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "dark.png").write_bytes(DARK)
    (tmp_path / "light.png").write_bytes(LIGHT)
    assert main(["classify", shade, "dark.png", "light.png", "--top-k", "2", *ON_CPU]) == 0
    dark, light = capsys.readouterr().out.splitlines()
    assert dark.startswith("dark.png: dark ")
    assert light.startswith("light.png: light ")
    assert light.count("%") == 2


def test_a_broken_image_fails_alone(shade: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "light.png").write_bytes(LIGHT)
    (tmp_path / "broken.png").write_bytes(LIGHT[:40])
    assert main(["classify", shade, "broken.png", "absent.png", "light.png", *ON_CPU]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("light.png: light ")
    broken, absent = printed.err.splitlines()
    assert broken.startswith("broken.png: error: ")
    assert absent == "absent.png: error: No such file or directory"


def test_classify_reads_the_settings_once(
    shade: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "light.png").write_bytes(LIGHT)
    made: list[Settings] = []

    def counted() -> Settings:
        made.append(Settings())
        return made[-1]

    monkeypatch.setattr("service.cli.Settings", counted)
    monkeypatch.setenv("MAX_IMAGE_PIXELS", "100")
    assert main(["classify", shade, "light.png", "light.png", *ON_CPU]) == 1
    assert capsys.readouterr().err.count("light.png: error: ") == 2
    assert len(made) == 1


def test_top_k_is_at_least_one(shade: str, capsys: Capture) -> None:
    assert status_of_exit("classify", shade, "light.png", "--top-k", "0") == 2
    assert "--top-k: at least 1; got 0" in capsys.readouterr().err


def test_converted_models_need_no_extras(
    models_dir: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELS_DIR", str(models_dir))
    assert main(["extras"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("foreign", [True, False])
def test_models_that_are_not_converted_need_tensorflow_whatever_is_broken(
    broken: Export, foreign: bool, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest_path(broken.path).write_text("{")
    models = broken.path.parents[1]
    monkeypatch.setenv("MODELS_DIR", str(models))
    assert main(["extras"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{broken.path} is skipped: manifest.json is invalid" in printed.err

    if foreign:
        write_foreign(models / "theirs" / "1")
    else:
        write_classifier(models / "plain" / "1", converted=False)
    assert main(["extras"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "tensorflow\n"
    assert "is skipped" in printed.err


@pytest.mark.parametrize("arguments", [[], ["serve"], ["extras"], ["classify", "SHADE", "a.png"]])
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "abc", "error: PORT: Input should be a valid integer"),
        ("MODEL_OPTIONS", "foo", "error: MODEL_OPTIONS is not JSON; got 'foo'. It is: Overrides"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(
    *,
    shade: str,
    arguments: list[str],
    name: str,
    value: str,
    sentence: str,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, value)
    assert main([shade if word == "SHADE" else word for word in arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(sentence)


def test_a_wrong_flag_is_named_as_its_setting(capsys: Capture) -> None:
    assert main(["--model-options", "foo"]) == 2
    assert capsys.readouterr().err.startswith("error: MODEL_OPTIONS is not JSON")


@pytest.mark.parametrize("word", ["verfy", "help", "models/mnist-mlp/1"])
def test_an_unknown_command_is_answered_with_the_known_ones(word: str, capsys: Capture) -> None:
    assert main([word, "X"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"error: there is no command '{word}'; there are: "
        "serve, inspect, verify, classify, batch, extras"
    )


def test_only_the_first_serve_is_the_command(capsys: Capture) -> None:
    assert main(["serve", "--models-dir", "serve"]) == 1
    assert "MODELS_DIR=serve is not a folder" in capsys.readouterr().err


def test_a_wrong_models_yaml_ends_in_its_mistakes(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("models:\n  digit: {label: {stable: 1}}\n")
    assert main(["--models-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {file}:2: models.digit.label: there is no such key (did you")
    assert said.count("\n") == 1
    missing = tmp_path / "plans.yaml"
    assert main(["--models-dir", str(tmp_path), "--models-file", str(missing)]) == 1
    assert f"MODELS_FILE={missing} is not there" in capsys.readouterr().err


def test_the_status_is_the_programs(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "service", "verfy", "X"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: there is no command 'verfy'")
