"""Logs: lines for people in a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import logging.config
import sys
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS

from service.settings import Settings


def configure(settings: Settings) -> None:
    """Send this process's logs to stderr as the settings say."""
    logging.config.dictConfig(_configuration(settings))


def _configuration(settings: Settings) -> dict[str, Any]:
    is_human = settings.log_format == "human" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "human": {
                "format": "%(asctime)s %(levelname)-7s %(message)s",
                "datefmt": "%H:%M:%S",
            },
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
                # uvicorn adds a copy of each message with colours in it
                "reserved_attrs": [*RESERVED_ATTRS, "color_message"],
            },
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "human" if is_human else "json",
            }
        },
        "root": {"level": settings.log_level.upper(), "handlers": ["stderr"]},
        "loggers": {
            # uvicorn's own handlers would print each line twice
            name: {"handlers": [], "propagate": True}
            for name in ("uvicorn", "uvicorn.error", "uvicorn.access")
        }
        # They tell of every file that changed and where credentials are; ours tell what came of it.
        | {name: {"level": "WARNING"} for name in ("watchfiles", "aiobotocore", "botocore")},
    }
