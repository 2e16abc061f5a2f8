"""Where training finds what it does not carry itself; from the environment or a `.env` file."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The knobs of the machine; those of a run are its recipe's."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,  # as a compose file hands on what is not set
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )

    datasets_dir: Path | None = None
    """The folder that holds data sets, such as mnist.npz; left out, Keras downloads them."""
