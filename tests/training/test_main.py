"""The command line: help for every knob, one sentence for every mistake, and its exit status."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import training.__main__ as training_main
from training import catalogue
from training.__main__ import main
from training.errors import DatasetError, ExportError, TrainingError, TrainingFailed, UsageError
from training.recipe import Recipe, knobs
from training.running.fit import Diverged


def test_help_lists_every_knob_with_its_type_default_and_meaning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main(["train", "mnist-lenet5", "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for knob in knobs(Recipe):
        kind = "|".join(knob.choices) or knob.type.__name__
        assert f"--{knob.name.replace('_', '-')} {kind}" in text
        assert " ".join(knob.help.split()) in text
    assert text.count("(default: ") >= len(knobs(Recipe))


def test_help_and_mistakes_do_not_wait_for_tensorflow() -> None:
    lines = ["--help", "train mnist-mlp --help", "list", "train mnist-mpl", "figure nothing"]
    code = (
        "import sys\nfrom training.__main__ import main\n"
        f"for line in {lines}:\n"
        "    try: main(line.split())\n"
        "    except SystemExit: pass\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", catalogue.names("command"))
def test_every_command_is_in_the_help_and_has_its_own(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert f"\n    {name} " in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert catalogue.summary("command", name) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("train mnist-lenet", "unknown recipe 'mnist-lenet', did you mean 'mnist-lenet5'? known"),
        (
            "train mnist-mlp --epoch 3",
            "unknown option '--epoch', did you mean '--epochs'? known are",
        ),
        ("train mnist-mlp --epochs many", "invalid int value: 'many'"),
        ("train mnist-mlp --epochs 0", "the knob 'epochs' is at least 1; got 0"),
        ("train mnist-mlp --schedule up", "invalid choice: 'up'"),
        ("train", "RECIPE"),
        ("train mnist-mlp again", "'again' is one argument too many"),
        ("sing", "unknown command 'sing'; known are: "),
        ("list --verbos", "unknown option '--verbos'"),
        ("figure regularisation", "did you mean 'regularization'? known are: "),
        ("figure", "name figures, or say --all; there are: "),
        ("export", "required"),
        ("export m.keras --name a --labels l --fit round", "invalid choice: 'round'"),
    ],
)
def test_misuse_is_one_sentence_and_status_2(
    arguments: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_a_failure_is_one_sentence_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASETS_DIR", str(tmp_path))
    folders = ["--models-dir", str(tmp_path / "models"), "--runs-dir", str(tmp_path / "runs")]
    assert main(["train", "mnist-mlp", *folders]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "mnist.npz is not there" in error
    assert error.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_sentence(
    datasets_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    command = ["train", "mnist-mlp", "--runs-dir", str(tmp_path / "file" / "runs")]
    assert main([*command, "--models-dir", str(tmp_path / "models")]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: nothing can be written into ")
    assert not (tmp_path / "models").exists()


def test_what_nobody_foresaw_is_one_sentence_and_verbose_shows_where(
    datasets_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fit(*_: object, **__: object) -> None:
        raise NotADirectoryError("the disk turned into a file")

    monkeypatch.setattr("training.running.run.fit", fit)
    command = ["train", "mnist-mlp", "--runs-dir", str(tmp_path / "runs")]
    command += ["--models-dir", str(tmp_path / "models")]
    assert main(command) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: NotADirectoryError: the disk")
    with pytest.raises(NotADirectoryError):
        main([*command, "--verbose"])


def test_an_interrupted_run_says_so_and_exports_nothing(datasets_dir: Path, tmp_path: Path) -> None:
    folders = ["--models-dir", str(tmp_path / "models"), "--runs-dir", str(tmp_path / "runs")]
    command = [sys.executable, "-m", "training", "train", "mnist-mlp", "--epochs", "100000"]
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--patience", "100000", *folders],
            stdout=output,
            stderr=output,
            env={**os.environ, "DATASETS_DIR": str(datasets_dir)},
        )
        try:
            deadline = time.monotonic() + 120
            while "Epoch 1/" not in log.read_text() and time.monotonic() < deadline:
                time.sleep(0.2)
                assert process.poll() is None, log.read_text()
            process.send_signal(signal.SIGTERM)  # as a container's stop; Ctrl-C takes the same way
            assert process.wait(60) == 130, log.read_text()
        finally:
            process.kill()
    assert "\ninterrupted: nothing was exported\n" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert not (tmp_path / "models").exists()


def test_an_interruption_that_became_another_error_is_still_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(words: Sequence[str]) -> int:
        with contextlib.suppress(KeyboardInterrupt):  # as code in C does
            signal.raise_signal(signal.SIGTERM)
        raise SystemError("a result with an exception set")

    monkeypatch.setattr(training_main, "_run", run)
    monkeypatch.setattr(training_main, "_stopped", threading.Event())
    before = signal.signal(signal.SIGTERM, training_main._stop)
    try:
        assert main(["list"]) == 130
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "interrupted: nothing was exported" in capsys.readouterr().err


@pytest.mark.parametrize(
    "failure",
    [
        KeyboardInterrupt(),
        ExportError("the disk is full"),
        TrainingFailed("the disk is full"),
        DatasetError("mnist.npz is gone"),
    ],
)
def test_a_run_that_left_a_state_says_how_to_go_on(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
) -> None:
    def stop(*_: object, **__: object) -> None:
        (tmp_path / "mnist-mlp").mkdir(exist_ok=True)
        (tmp_path / "mnist-mlp" / "checkpoint.npz").touch()
        raise failure

    monkeypatch.setattr("training.running.run.run", stop)
    words = ["train", "mnist-mlp", "--epochs", "9", "--runs-dir", str(tmp_path)]
    assert main(words) in {1, 130}
    how = f"go on with: {shlex.join(['python', '-m', 'training', *words, '--resume'])}"
    assert capsys.readouterr().err.splitlines()[-1] == how


@pytest.mark.parametrize("kind", [UsageError, Diverged])
def test_no_one_is_told_to_go_on_where_that_would_end_the_same(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    kind: type[TrainingError],
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise kind("give other knobs")

    (tmp_path / "mnist-mlp").mkdir()
    (tmp_path / "mnist-mlp" / "checkpoint.npz").touch()
    monkeypatch.setattr("training.running.run.run", stop)
    assert main(["train", "mnist-mlp", "--runs-dir", str(tmp_path), "--resume"]) in {1, 2}
    assert capsys.readouterr().err.splitlines()[-1] == "error: give other knobs"
