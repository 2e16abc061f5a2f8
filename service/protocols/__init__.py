"""The protocols, one a folder: each offers `router` for HTTP, and may offer `grpc.services`.

All stand on one engine. `http`, `grpc` and `openapi` hold what they share.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import Any

from fastapi import APIRouter

from service.engine.engine import Engine


def routers() -> list[APIRouter]:
    """The HTTP router of every protocol, by the folder's name."""
    folders = [importlib.import_module(name) for name in _folders()]
    return [folder.router for folder in folders if hasattr(folder, "router")]


def grpc_services(engine: Engine) -> list[Any]:
    """The gRPC handlers of every protocol, by the folder's name.

    Raises:
        ImportError: the extra `grpc` is not installed.
    """
    modules = [f"{name}.grpc" for name in _folders() if importlib.util.find_spec(f"{name}.grpc")]
    return [
        service
        for module in modules
        for service in importlib.import_module(module).services(engine)
    ]


def _folders() -> list[str]:
    found = pkgutil.iter_modules(__path__)
    return sorted(f"{__name__}.{module.name}" for module in found if module.ispkg)
