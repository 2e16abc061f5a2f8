"""The settings of the service, from the environment, `.env` or flags of `python -m service`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
)
from pydantic import model_validator as validate_together
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from service.machine import addresses, devices
from service.manifest import MODEL_NAME


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _known_devices(text: str) -> str:
    if text != "auto":
        devices.parse(text)
    return text


def _location(value: Path | str) -> Path | str:
    return value if addresses.is_remote(value) else Path(value)


def _url_prefix(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError(f"a path prefix starts with '/', such as '/lutrin'; got {text!r}")
    return text.rstrip("/")


def _names(value: object) -> Any:
    """The names in `a,b` or in a JSON list."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [name.strip() for name in value.split(",") if name.strip()]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(f'names are a,b or a JSON list such as ["a", "b"]; got {value}') from None


_TOKEN_LENGTH: Final = 16
"""Characters that make a token too long to guess."""

RuntimeChoice = Annotated[Literal["auto", "tensorflow", "openvino"], BeforeValidator(_lower)]
DeviceChoice = Annotated[str, BeforeValidator(_lower), AfterValidator(_known_devices)]
IsolationChoice = Annotated[Literal["auto", "always", "never"], BeforeValidator(_lower)]
PrecisionChoice = Annotated[Literal["auto", "float32", "bfloat16", "int8"], BeforeValidator(_lower)]


class ModelOptions(BaseModel):
    """How to run one model; a missing option is the setting of the same name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runtime: RuntimeChoice | None = None
    device: DeviceChoice | None = None
    precision: PrecisionChoice | None = None
    isolation: IsolationChoice | None = None


class RunOptions(BaseModel):
    """How to run a model, with defaults filled in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runtime: RuntimeChoice = "auto"
    device: DeviceChoice = "auto"
    precision: PrecisionChoice = "auto"
    threads: Annotated[int, Field(ge=0)] = 0
    isolation: IsolationChoice = "auto"


class Settings(BaseSettings):
    """HOST=0.0.0.0 in the environment is the same as --host 0.0.0.0."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,  # Compose passes unset variables as empty ones
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        cli_prog_name="python -m service",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
    )

    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for every address of the machine."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The TCP port to listen on; 0 takes a free one."""
    grpc_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """The TCP port of the gRPC services; 0 takes a free one; not set: no gRPC."""
    workers: PositiveInt = 1
    """Processes that serve on the same port. Each has its own models and queues, and its share of
    the cores and of MEMORY_BUDGET_MB."""
    root_path: Annotated[str, AfterValidator(_url_prefix)] = ""
    """The path under which a reverse proxy serves this service, such as /lutrin."""
    server_name: str = "lutrin"
    """The server name in the Open Inference Protocol's metadata."""
    page: bool = True
    """Serve the page that shows the models at work at /; if not, / leads to /docs."""
    admin: bool = False
    """Allow models to be loaded and unloaded, and labels and traffic to be changed, by requests."""
    admin_token: SecretStr | None = None
    """The secret that such requests send as Authorization: Bearer …; 16 characters or more."""

    models_dir: Annotated[Path | str, AfterValidator(_location)] = Path("models")
    """The folder that holds models/<name>/<version>/, or its address: s3://, gs://, https://."""
    model_name: Annotated[str, Field(pattern=f"^{MODEL_NAME.pattern}$")] | None = None
    """The name of the only model, if MODELS_DIR holds its versions or its SavedModel itself."""
    cache_dir: Path | None = None
    """Where downloaded models are kept; not set: lutrin in the user's cache folder."""
    remote_poll_s: NonNegativeFloat = 60.0
    """Seconds between checks of the address for changes; 0 checks at the start only."""
    indexes: str = "indexes"
    """The vector store of /v1/indexes: a folder, created when needed, for one process alone;
    postgresql://…, a database with pgvector; or off."""
    required_models: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_names)] = None
    """The models that /health/ready waits for, as a,b or a JSON list; not set: all at the start."""

    models_file: Path | None = None
    """The file with versions, labels and traffic; not set: models.yaml in MODELS_DIR."""
    watch: Annotated[Literal["auto", "poll", "off"], BeforeValidator(_lower)] = "auto"
    """How changes in MODELS_DIR are detected: auto uses file system events, poll, or off."""
    loading: Annotated[Literal["eager", "lazy"], BeforeValidator(_lower)] = "eager"
    """When models are loaded: eager at the start, lazy at the first request for a model."""
    memory_budget_mb: PositiveInt | None = None
    """MB of resident memory above which the longest idle models are unloaded; implies lazy."""

    runtime: RuntimeChoice = "auto"
    """What runs models; auto: openvino on a CPU for exports with a conversion, else tensorflow."""
    device: DeviceChoice = "auto"
    """Where models run: auto, cpu, gpu, or a list such as gpu:0,gpu:1 for a copy on each."""
    precision: PrecisionChoice = "auto"
    """The arithmetic; auto: int8 if the export has it, else bfloat16 if the CPU has it."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Threads of one inference; 0: the runtime decides, one for small models on OpenVINO."""
    isolation: IsolationChoice = "auto"
    """Whether models run in child processes, which free all memory when they end: auto has one for
    all models on tensorflow, always has one for each version, never has none."""
    model_options: dict[str, ModelOptions] = {}
    """Overrides by model, as JSON: {"mnist-mlp": {"runtime": "tensorflow"}}."""

    max_batch_size: PositiveInt = 32
    """Rows of one inference at most."""
    max_queue: PositiveInt = 1024
    """Rows in the queue of a signature at most; a request beyond that is refused at once."""
    request_timeout_s: PositiveFloat = 30.0
    """Seconds until a request without an answer is given up."""
    shutdown_timeout_s: PositiveInt = 30
    """Seconds for requests in flight to finish after SIGTERM."""

    max_body_bytes: PositiveInt = 32 * 1024 * 1024
    """Bytes of a request body at most."""
    max_image_pixels: PositiveInt = 64_000_000
    """Pixels (width × height) of one image at most, read from its header."""
    max_images: PositiveInt = 64
    """Images of one request at most."""
    max_texts: PositiveInt = 2048
    """Texts of one request at most."""
    token_inputs: bool = False
    """Accept token ids, of the model's own tokenizer, instead of texts on /v1/embeddings."""
    max_top_k: PositiveInt = 1000
    """The largest `top_k` that a request may ask for."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = (
        "info"
    )
    """The lowest severity that is logged."""
    log_format: Annotated[Literal["auto", "human", "json"], BeforeValidator(_lower)] = "auto"
    """Lines for people (human) or JSON objects; auto: human in a terminal, else json."""
    access_log: bool = False
    """Log every request. Off by default: it costs throughput, and /metrics counts requests."""

    @validate_together(mode="after")
    def _changes_take_a_token(self) -> Self:
        token = self.admin_token.get_secret_value() if self.admin_token else ""
        if self.admin and len(token) < _TOKEN_LENGTH:
            raise ValueError(
                f"ADMIN=true needs an ADMIN_TOKEN of {_TOKEN_LENGTH} characters or more, for "
                f"example from `openssl rand -hex 16`; got {len(token)}"
            )
        return self

    @validate_together(mode="after")
    def _largest_request_fits_the_queue(self) -> Self:
        if self.max_images > self.max_queue:
            raise ValueError(
                f"MAX_IMAGES={self.max_images} images do not fit into "
                f"MAX_QUEUE={self.max_queue} rows: raise MAX_QUEUE or lower MAX_IMAGES"
            )
        return self

    @property
    def models_address(self) -> str | None:
        """The address of the remote store with the models; None where they are in a folder."""
        return self.models_dir if isinstance(self.models_dir, str) else None

    @property
    def models_folder(self) -> Path:
        """The local folder to read models from: MODELS_DIR, or its mirror."""
        if isinstance(self.models_dir, Path):
            return self.models_dir
        return addresses.cache_folder(self.models_dir, self.cache_dir)

    @property
    def models_shown(self) -> str:
        """MODELS_DIR for messages, without the password it may contain."""
        address = self.models_address
        return str(self.models_dir) if address is None else addresses.masked(address)

    def run_options(self, model: str) -> RunOptions:
        """How to run `model`: its own options, else the global ones."""
        chosen = {
            "runtime": self.runtime,
            "device": self.device,
            "precision": self.precision,
            "threads": self.threads,
            "isolation": self.isolation,
        }
        own = self.model_options.get(model, ModelOptions()).model_dump(exclude_none=True)
        return RunOptions.model_validate(chosen | own)


def problems(error: ValidationError | SettingsError) -> list[str]:
    """What is wrong with the settings: one sentence each, by the settings' names."""
    if isinstance(error, ValidationError):
        return [
            f"{'.'.join(map(str, problem['loc'])).upper() or 'settings'}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        ]
    # Invalid JSON is refused before validation; the message names the field somewhere.
    for name, field in Settings.model_fields.items():
        if re.search(rf"\b{name}\b", str(error)):
            got = getattr(error.__cause__, "doc", None)
            received = "" if got is None else f"; got {got!r}"
            return [f"{name.upper()} is not JSON{received}. It is: {field.description}"]
    return [str(error)]
