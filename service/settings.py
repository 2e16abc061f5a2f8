"""Every knob of the service: from the environment, `.env` or flags of `python -m service`."""

from __future__ import annotations

import json
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
)
from pydantic import model_validator as validate_together
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.machine import addresses, devices


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
"""Characters of the shortest token that is not worth guessing."""

RuntimeChoice = Annotated[Literal["auto", "tensorflow", "openvino"], BeforeValidator(_lower)]
DeviceChoice = Annotated[str, BeforeValidator(_lower), AfterValidator(_known_devices)]
IsolationChoice = Annotated[Literal["auto", "always", "never"], BeforeValidator(_lower)]
PrecisionChoice = Annotated[Literal["auto", "float32", "bfloat16", "int8"], BeforeValidator(_lower)]


class ModelOptions(BaseModel):
    """How to run one model; what is left out is taken from the settings of the same name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runtime: RuntimeChoice | None = None
    device: DeviceChoice | None = None
    precision: PrecisionChoice | None = None
    isolation: IsolationChoice | None = None


class RunOptions(BaseModel):
    """How to run a model, every choice made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runtime: RuntimeChoice = "auto"
    device: DeviceChoice = "auto"
    precision: PrecisionChoice = "auto"
    threads: Annotated[int, Field(ge=0)] = 0
    isolation: IsolationChoice = "auto"


class Settings(BaseSettings):
    """Every knob of the service; HOST=0.0.0.0 in the environment or --host 0.0.0.0 say the same."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,  # compose hands on variables that are not set as empty ones
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
    """The TCP port of the gRPC services; 0 takes a free one; left out, there are none."""
    workers: PositiveInt = 1
    """Processes that serve on the same port: each has the models and the queues, and its share of
    the cores and of MEMORY_BUDGET_MB."""
    root_path: Annotated[str, AfterValidator(_url_prefix)] = ""
    """The path under which a reverse proxy shows the service, such as /lutrin."""
    server_name: str = "lutrin"
    """The name by which the Open Inference Protocol's metadata introduces the service."""
    admin: bool = False
    """Allow load, unload, labels and traffic to be changed over HTTP and gRPC."""
    admin_token: SecretStr | None = None
    """What their callers send as Authorization: Bearer …; 16 characters or more, secret."""

    models_dir: Annotated[Path | str, AfterValidator(_location)] = Path("models")
    """The folder that holds models/<name>/<version>/, or its address: s3://, gs://, https://."""
    cache_dir: Path | None = None
    """Where models from an address are kept; left out: lutrin in the user's folder of caches."""
    remote_poll_s: NonNegativeFloat = 60.0
    """Seconds between two looks at an address for what changed; 0 looks at the start alone."""
    indexes: str = "indexes"
    """What keeps the items of /v1/indexes: a folder, made when it is needed and one process's
    alone; postgresql://…, a database with pgvector; off for none."""
    required_models: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_names)] = None
    """The models /health/ready waits for, as a,b or a JSON list; left out: all at the start."""

    models_file: Path | None = None
    """The file that plans versions, labels and traffic; left out: models.yaml in MODELS_DIR."""
    watch: Annotated[Literal["auto", "poll", "off"], BeforeValidator(_lower)] = "auto"
    """How changes in MODELS_DIR are noticed: auto by the file system, else poll, or off."""
    loading: Annotated[Literal["eager", "lazy"], BeforeValidator(_lower)] = "eager"
    """When models are loaded: eager at the start, lazy at a model's first request."""
    memory_budget_mb: PositiveInt | None = None
    """MB of resident memory past which the models idle longest are unloaded; implies lazy."""

    runtime: RuntimeChoice = "auto"
    """What runs models; auto: openvino on a CPU for exports converted for it, else tensorflow."""
    device: DeviceChoice = "auto"
    """Where models run: auto, cpu, gpu, or a list such as gpu:0,gpu:1 for a copy on each."""
    precision: PrecisionChoice = "auto"
    """The arithmetic: auto takes int8 where the export has it, bfloat16 where the CPU has."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Threads of one inference; 0 leaves it to the runtime: one for small models on OpenVINO."""
    isolation: IsolationChoice = "auto"
    """Child processes, which give all memory back when they end: auto has one for what runs on
    tensorflow, always one for each version, never none."""
    model_options: dict[str, ModelOptions] = {}
    """Overrides by model, as JSON: {"mnist-mlp": {"runtime": "tensorflow"}}."""

    max_batch_size: PositiveInt = 32
    """Rows that one inference takes at most."""
    max_queue: PositiveInt = 1024
    """Rows that may wait for a model's signature; a request past that is refused at once."""
    request_timeout_s: PositiveFloat = 30.0
    """Seconds after which a waiting request is given up."""
    shutdown_timeout_s: PositiveInt = 30
    """Seconds that requests in flight have to end after SIGTERM."""

    max_body_bytes: PositiveInt = 32 * 1024 * 1024
    """Bytes of a request's body."""
    max_image_pixels: PositiveInt = 64_000_000
    """Pixels (width × height) of one picture, judged from its header."""
    max_images: PositiveInt = 64
    """Pictures in one request."""
    max_texts: PositiveInt = 2048
    """Texts in one request."""
    token_inputs: bool = False
    """Take token ids for texts on /v1/embeddings: callers send this model's own token ids."""
    max_top_k: PositiveInt = 1000
    """The largest `top_k` that a request may ask for."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = (
        "info"
    )
    """The least severity that is logged."""
    log_format: Annotated[Literal["auto", "human", "json"], BeforeValidator(_lower)] = "auto"
    """Lines for people or JSON objects; auto: people in a terminal, JSON elsewhere."""
    access_log: bool = False
    """Log every request. Off by default: it costs throughput, and /metrics counts them."""

    @validate_together(mode="after")
    def _changes_take_a_token(self) -> Self:
        token = self.admin_token.get_secret_value() if self.admin_token else ""
        if self.admin and len(token) < _TOKEN_LENGTH:
            raise ValueError(
                f"ADMIN=true takes an ADMIN_TOKEN of {_TOKEN_LENGTH} characters or more, such as "
                f"`openssl rand -hex 16` makes; got {len(token)}"
            )
        return self

    @validate_together(mode="after")
    def _largest_request_fits_the_queue(self) -> Self:
        if self.max_images > self.max_queue:
            raise ValueError(
                f"MAX_IMAGES={self.max_images} pictures would never fit into "
                f"MAX_QUEUE={self.max_queue} rows: raise MAX_QUEUE or lower MAX_IMAGES"
            )
        return self

    @property
    def models_address(self) -> str | None:
        """The address of the store that holds the models; None where they are in a folder."""
        return self.models_dir if isinstance(self.models_dir, str) else None

    @property
    def models_folder(self) -> Path:
        """The folder on this machine to read models from, whether MODELS_DIR is one or not."""
        if isinstance(self.models_dir, Path):
            return self.models_dir
        return addresses.cache_folder(self.models_dir, self.cache_dir)

    @property
    def models_shown(self) -> str:
        """MODELS_DIR for people to read, without the password it may hold."""
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
