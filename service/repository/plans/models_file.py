"""Reads models.yaml into plans, and says what is wrong with it: the line, the key, how to mend it.

models:
  mnist-lenet5:
    versions: latest 2
    labels: {stable: 1, canary: 2}
    traffic: {canary: 5%}
defaults: {versions: latest 1}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from service.errors import InvalidPlan
from service.manifest import MODEL_NAME
from service.repository.plans import validation, yaml_lines
from service.repository.plans.plan import Plan, Plans, find_mistakes
from service.repository.plans.validation import Key, Mistake
from service.settings import Settings

FILE_NAME: Final = "models.yaml"

_LARGEST: Final = 1024 * 1024
_MOST_SHOWN: Final = 20
_SECTIONS: Final = ("models", "defaults")
_NAME: Final = (
    "a model's name is letters, digits, '.', '_' and '-', at most 128, and begins with a letter "
    "or a digit"
)


def path(settings: Settings) -> Path:
    """The file of the plans: MODELS_FILE, else models.yaml in MODELS_DIR."""
    return settings.models_file or settings.models_folder / FILE_NAME


def load(settings: Settings) -> Plans:
    """The plans of a service; none where there is no models.yaml.

    Raises:
        InvalidPlan: the file does not say what it must, or MODELS_FILE is not there.
    """
    file = path(settings)
    if settings.models_file is not None and not file.exists():
        raise InvalidPlan(f"MODELS_FILE={file} is not there: write it, or leave the setting out")
    return read(file)


def read(file: Path) -> Plans:
    """The plans in a file; none where there is no such file.

    Raises:
        InvalidPlan: it does not say what it must; names each mistake with its line.
    """
    marked = yaml_lines.parse(_text(file))
    if found := [*marked.mistakes, *_mistakes(marked.value)]:
        raise InvalidPlan(_listed(file, found, marked.lines))
    sections: dict[str, Any] = marked.value or {}
    default = sections.get("defaults") or {}
    models = sections.get("models") or {}
    return Plans(
        {name: Plan.model_validate({**default, **(own or {})}) for name, own in models.items()},
        Plan.model_validate(default),
    )


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InvalidPlan(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST:
        raise InvalidPlan(
            f"{file} has more than {_LARGEST} bytes, and no more are read: is it the right file?"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidPlan(
            f"{file}:{line}: the byte 0x{content[error.start]:02x} is not UTF-8: "
            "save the file in that encoding"
        ) from None


def _mistakes(value: Any) -> list[Mistake]:
    if value is None:
        return []
    if not isinstance(value, Mapping):
        text = (
            f"got {validation.quoted(value)}: expected a map with the keys 'models' and 'defaults'"
        )
        return [Mistake((), text)]
    found = [_unknown_section(name) for name in value if name not in _SECTIONS]
    default, models = value.get("defaults"), value.get("models")
    wrong = _mistakes_of_plan(default, {}, ("defaults",))
    if models is not None and not isinstance(models, Mapping):
        text = f"got {validation.quoted(models)}: expected a map of models' names to their plans"
        return [*found, *wrong, Mistake(("models",), text)]
    for name, own in (models or {}).items():
        if not MODEL_NAME.fullmatch(name):
            found.append(Mistake(("models", name), _NAME))
        # Where the defaults are wrong by themselves, they are not told again for each model.
        found += _mistakes_of_plan(own, {} if wrong else default or {}, ("models", name))
    return [*found, *wrong]


def _unknown_section(name: str) -> Mistake:
    hint = validation.did_you_mean(name, _SECTIONS)
    text = f"there is no such key{hint}; known are: models, defaults. Models stand under 'models'"
    return Mistake((name,), text)


def _mistakes_of_plan(written: Any, default: Mapping[str, Any], place: Key) -> list[Mistake]:
    if written is not None and not isinstance(written, Mapping):
        text = f"got {validation.quoted(written)}: expected a map, such as {{versions: latest 1}}"
        return [Mistake(place, text)]
    own: Mapping[str, Any] = written or {}
    found = []
    for mistake in find_mistakes({**default, **own}):
        top = mistake.key[0] if mistake.key else None
        if top in own or top not in default:
            found.append(Mistake((*place, *mistake.key), mistake.text))
        else:
            text = f"for {validation.path(place)}: {mistake.text}"
            found.append(Mistake(("defaults", *mistake.key), text))
    return found


def _listed(file: Path, found: list[Mistake], lines: Mapping[Key, int]) -> str:
    """One mistake as a line `FILE:LINE: key: text`; several below each other, by line."""
    placed = sorted((each.line or _line(each.key, lines), each) for each in set(found))
    told = [
        f"{file}:{line}: {validation.path(each.key)}: {each.text}"
        if each.key
        else f"{file}:{line}: {each.text}"
        for line, each in placed[:_MOST_SHOWN]
    ]
    if len(placed) == 1:
        return told[0]
    more = len(placed) - len(told)
    return "\n  ".join(
        [f"{file} has {len(placed)} mistakes:", *told, *([f"… and {more} more"] if more else [])]
    )


def _line(key: Key, lines: Mapping[Key, int]) -> int:
    """The line of a key, or of the nearest thing around it that has one."""
    while key not in lines:
        key = key[:-1]
    return lines[key]
