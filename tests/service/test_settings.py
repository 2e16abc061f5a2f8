"""Settings: where they come from, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp

from service.settings import ModelOptions, RunOptions, Settings


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the developer's environment nor their .env."""
    for name in Settings.model_fields:
        for variable in [each for each in os.environ if each.lower() == name]:
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


def refusal(**settings: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(settings)
    return str(caught.value)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("models_dir", "/srv/models")
    monkeypatch.setenv("REQUIRED_MODELS", '["mnist-mlp"]')
    settings = Settings()
    assert settings.port == 9000
    assert settings.models_dir == Path("/srv/models")
    assert settings.required_models == ("mnist-mlp",)


def test_a_dot_env_file_is_read_and_the_environment_goes_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nHOST=0.0.0.0\nSOMEBODY_ELSES=1\n")
    monkeypatch.setenv("PORT", "9002")
    settings = Settings()
    assert (settings.host, settings.port) == ("0.0.0.0", 9002)  # noqa: S104 — read, not bound


@pytest.mark.parametrize("text", ["mnist-mlp,mnist-lenet5", '["mnist-mlp", "mnist-lenet5"]'])
def test_required_models_are_a_list_by_commas_or_json(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    names = ("mnist-mlp", "mnist-lenet5")
    flags = [f"--required-models={text}"]
    assert CliApp.run(Settings, cli_args=flags).required_models == names
    monkeypatch.setenv("REQUIRED_MODELS", text)
    assert Settings().required_models == names
    assert CliApp.run(Settings, cli_args=[]).required_models == names


def test_choices_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        **{"LOG_LEVEL": "INFO", "LOG_FORMAT": "JSON", "RUNTIME": "OpenVINO"},
        **{"PRECISION": "BFloat16", "DEVICE": "GPU:0"},
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.log_level, settings.log_format) == ("info", "json")
    assert settings.run_options("any") == RunOptions(
        runtime="openvino", precision="bfloat16", device="gpu:0"
    )


def test_the_images_of_a_phone_are_not_too_large() -> None:
    assert Settings().max_image_pixels >= 8192 * 6144


def test_model_options_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_OPTIONS", '{"mnist-mlp": {"runtime": "tensorflow"}}')
    settings = Settings()
    assert settings.model_options == {"mnist-mlp": ModelOptions(runtime="tensorflow")}


def test_a_models_options_are_its_own_or_the_global_ones() -> None:
    settings = Settings(
        runtime="openvino",
        precision="float32",
        threads=3,
        model_options={"mnist-mlp": ModelOptions(runtime="tensorflow", device="gpu:1")},
    )
    own, other = settings.run_options("mnist-mlp"), settings.run_options("mnist-lenet5")
    assert (own.runtime, own.device, own.precision) == ("tensorflow", "gpu:1", "float32")
    assert (other.runtime, other.device, other.precision) == ("openvino", "auto", "float32")
    assert own.threads == other.threads == 3


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"port": 70000}, "less than or equal to 65535"),
        ({"port": "http"}, "valid integer"),
        ({"runtime": "onnx"}, "'auto', 'tensorflow' or 'openvino'"),
        ({"device": "tpu"}, "a device is 'cpu', 'gpu' or a list such as 'gpu:0,gpu:1'; got 'tpu'"),
        ({"device": "gpu,gpu:0"}, "each device is named once"),
        ({"precision": "int4"}, "'auto', 'float32', 'bfloat16' or 'int8'"),
        ({"isolation": "sometimes"}, "'auto', 'always' or 'never'"),
        ({"root_path": "lutrin"}, "a path prefix starts with '/', such as '/lutrin'"),
        ({"max_batch_size": 0}, "greater than 0"),
        ({"request_timeout_s": 0}, "greater than 0"),
        ({"threads": -1}, "greater than or equal to 0"),
        ({"required_models": "[mnist"}, 'a,b or a JSON list such as ["a", "b"]; got [mnist'),
        ({"log_level": "loud"}, "'debug', 'info', 'warning' or 'error'"),
        ({"model_options": {"a": {"runtme": "auto"}}}, "model_options.a.runtme"),
        ({"model_options": {"a": {"device": "tpu"}}}, "a device is 'cpu'"),
        ({"max_images": 2000}, "raise MAX_QUEUE or lower MAX_IMAGES"),
    ],
)
def test_wrong_values_are_refused_and_say_what_is_right(
    settings: dict[str, object], reason: str
) -> None:
    assert reason in refusal(**settings)


def test_an_environment_that_is_no_json_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_OPTIONS", "{tensorflow}")
    with pytest.raises(Exception, match="model_options"):
        Settings()


def test_settings_do_not_change() -> None:
    for frozen in (Settings(), RunOptions(), ModelOptions()):
        with pytest.raises(ValidationError, match="frozen"):
            frozen.precision = "float32"


def test_a_path_prefix_loses_its_last_slash() -> None:
    assert Settings(root_path="/lutrin/").root_path == "/lutrin"
    assert Settings(root_path="/").root_path == ""


def test_every_setting_is_documented() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} has no docstring"
        assert field.description.endswith((".", "}}.")), f"{name}'s docstring is no sentence"
