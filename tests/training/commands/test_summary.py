"""`summary`: a table of what was asked for, one sentence for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import ROOT
from training import catalogue
from training.__main__ import main


def _said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    "words",
    [
        ["lenet5", "--variant", "modern"],
        ["lenet5", "--image-shape", "28x28x1", "--num-classes", "10"],
        [str(ROOT / "models" / "mnist-lenet5" / "1")],
    ],
)
def test_an_architecture_or_an_export_has_its_table(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", *words]) == 0
    said = _said(capsys)
    assert said[0].endswith(": images (B, 28, 28, 1)")
    assert "c1 Conv2D (B, 28, 28, 6) 156 235,200" in said
    assert "total 61,706 833,040" in said
    assert "61,706 parameters learn, 0 do not." in said


@pytest.mark.usefixtures("datasets_dir")
def test_a_recipe_has_the_table_of_its_architecture(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "mnist-mlp"]) == 0
    assert "hidden_1 Dense (B, 100) 78,500 156,800" in _said(capsys)


def test_layers_inside_layers_are_indented(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["summary", "resnet", "--variant", "20"]
    assert main(words) == 0
    deep = capsys.readouterr().out
    assert "\n stage_1_block_1 " in deep
    assert "\n   conv_1 " in deep
    assert main([*words, "--depth", "1"]) == 0
    assert "conv_1" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("lenet6", "unknown architecture or recipe 'lenet6', did you mean 'lenet5'? known are: "),
        ("resnet --variant 5o", "unknown variant of resnet '5o'"),
        (
            "regularized-mlp",
            "mlp needs image_shape, num_classes: give --image-shape and --num-clas",
        ),
        ("mlp", "give --variant (784-100-100-10) or --image-shape and --num-classes"),
        ("vgg", "give --variant (11, 13, 16, 19, 28-pixels) or --image-shape and --num-classes"),
        ("vgg --variant 16 --image-shape 9x9x3", "vgg cannot be built so: VGG of 5 stacks needs"),
        ("lenet5 --image-shape 28x28", "'28x28' is not like 32x32x3: height, width, channels"),
        ("transformer --variant base --num-classes 3", "transformer takes no --num-classes"),
        ("mnist-mlp --variant 1", "--variant, --image-shape and --num-classes are an archi"),
        ("lenet5 --variant modern --depth 0", "--length and --depth are at least 1"),
        ("tests", "tests holds no Keras model"),
    ],
)
def test_what_cannot_be_summed_up_is_one_sentence(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["summary", *words.split()]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_missing_data_of_a_recipe_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASETS_DIR", str(tmp_path))
    assert main(["summary", catalogue.names("recipe")[-1]]) == 1
    assert "is not there" in capsys.readouterr().err
