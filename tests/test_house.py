"""The house rules, kept by machine: walls, sizes, agreed words, types, documented settings."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [
    path
    for room in ("service", "training")
    for path in (ROOT / room).rglob("*.py")
    if not path.stem.endswith("_pb2")  # written by `make protos`: long, in protoc's own style
]
ALL_CODE = [*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "handler"}
"""Names that say nothing about what is inside."""

IMPORT_HOMES = {
    "tensorflow": ("service/runtimes/", "training/", "tests/", "benchmarks/"),
    "keras": ("training/", "tests/", "benchmarks/"),
    "openvino": ("service/runtimes/openvino.py", "training/", "tests/", "benchmarks/"),
    "fastapi": ("service/app.py", "service/protocols/", "benchmarks/"),
    "starlette": ("service/app.py", "service/protocols/", "benchmarks/"),
    "PIL": ("service/preprocessing/", "training/", "tests/", "benchmarks/"),
    "tokenizers": ("service/preprocessing/", "training/", "tests/"),
    "uvicorn": ("service/server/", "tests/", "benchmarks/"),
    "fsspec": ("service/exports/remote/", "tests/"),
    "qdrant_edge": ("service/search/stores/",),
    "psycopg": ("service/search/stores/", "tests/"),
    "watchfiles": ("service/exports/",),
    "grpc": ("service/protocols/", "tests/", "benchmarks/"),
    "google": ("service/protocols/", "tests/"),  # google.protobuf
}
"""The only places that may import a package."""

AGREED_WORDS = {
    "service.runtimes": ("load", "precisions", "describe"),
    "training.architectures": ("build",),
    "training.commands": ("add", "run"),
    "training.datasets": ("load",),
    "training.illustrations": ("draw",),
    "training.importers": ("read",),
    "training.recipes": ("RECIPE",),
    "training.tasks": ("TASK",),
}
"""What every public module of a package exports: its name is its key, so there is no list."""


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_walls_stand() -> None:
    code = "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_types_hold() -> None:
    result = _run("mypy")
    assert result.returncode == 0, result.stdout


def test_style_holds() -> None:
    for command in (("ruff", "check", "."), ("ruff", "format", "--check", ".")):
        result = _run(*command)
        assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("package", IMPORT_HOMES)
def test_a_package_is_imported_in_its_home_alone(package: str) -> None:
    strangers = [
        str(path.relative_to(ROOT))
        for path in ALL_CODE
        if package in _imports(path)
        and not str(path.relative_to(ROOT)).startswith(IMPORT_HOMES[package])
    ]
    assert not strangers, f"{package} is imported in {strangers}"


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", AGREED_WORDS)
def test_every_module_exports_its_agreed_words(package: str) -> None:
    path = importlib.import_module(package).__path__
    names = [each.name for each in pkgutil.iter_modules(path) if not each.name.startswith("_")]
    assert names
    for name in names:
        module = importlib.import_module(f"{package}.{name}")
        missing = [word for word in AGREED_WORDS[package] if not hasattr(module, word)]
        assert not missing, f"{package}.{name} lacks {missing}"


def test_files_and_functions_stay_small() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}: {lines} lines"
        for path in ALL_CODE
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES
    ]
    too_long += [
        f"{path.relative_to(ROOT)}: {function.name}: {length} lines"
        for path in ALL_CODE
        for function in _functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not too_long


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_names_say_what_is_inside() -> None:
    bad = [path for path in ALL_CODE if path.stem.strip("_") in FORBIDDEN_NAMES]
    assert not bad


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not silent


def test_every_ignored_type_error_has_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in ALL_CODE
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"# type: ignore(\[[\w, -]+\])?\s*$", line)
    ]
    assert not bare


def test_what_is_packed_exists() -> None:
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    for name in hatch["build"]["targets"]["sdist"]["include"]:
        assert (ROOT / name).exists(), f"the source distribution lists {name}, which is not there"


def test_every_setting_is_documented() -> None:
    from service.settings import Settings
    from tests.docs import settings

    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} has no docstring"
    written = settings.PAGE.read_text(encoding="utf-8")
    assert written == settings.page(), (
        "docs/settings.md is out of date: run `python -m tests.docs.settings`"
    )


@pytest.mark.parametrize("room", ["service", "training"])
def test_tests_mirror_sources(room: str) -> None:
    """tests/<path>/test_<name>.py tests <path>/<name>.py; a long one may add _<aspect>."""
    for test in (ROOT / "tests" / room).rglob("test_*.py"):
        folder = ROOT / test.parent.relative_to(ROOT / "tests")
        assert folder.is_dir(), f"{test.relative_to(ROOT)} is in a folder that no source has"
        names = {path.stem.strip("_") for path in folder.iterdir() if path.name != "__init__.py"}
        words = test.stem.removeprefix("test_").split("_")
        prefixes = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
        assert prefixes & names, f"{test.relative_to(ROOT)} mirrors no source"


def test_nothing_of_this_machine_is_committed() -> None:
    if shutil.which("git") is None:
        pytest.skip("git, which lists what is committed, is not installed")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    hosts = re.compile(r"files\.pythonhosted\.org|pypi\.org/simple|/work/|/root/")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".txt", ".toml", ".yml", ".json", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            if path != Path(__file__):
                assert not hosts.search(text), f"{name} names a host or a path of one machine"
