"""YAML as people write settings in it, read with the line of each key.

It is the plain part of YAML: maps, lists, texts, numbers, true and false. Anchors, tags and further
documents are refused, and `on`, `1_000` or `1:30` are texts here, as in YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from service.repository.plans.validation import Key, Mistake, quoted

_DEEPEST: Final = 12
_TEXT: Final = ("!", "tag:yaml.org,2002:str")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class Marked(NamedTuple):
    """What a file says, and where."""

    value: Any
    """Of dict (its keys are texts), list, str, int, float, bool and None."""
    lines: Mapping[Key, int]
    """The line of each key and each item of a list, from 1."""
    mistakes: list[Mistake]
    """What is wrong with it as YAML."""


def parse(text: str) -> Marked:
    """Read YAML; what is wrong with it stands in the result."""
    return _Reader(text).read()


class _Broken(Exception):
    """What follows cannot be made sense of."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._events: Iterator[Event] = iter(())
        self._lines: dict[Key, int] = {(): 1}
        self._mistakes: list[Mistake] = []

    def read(self) -> Marked:
        value = None
        try:
            if match := _CONTROL.search(self._text):
                line = self._text.count("\n", 0, match.start()) + 1
                self._fail(
                    (), line, f"there is a control character, {quoted(match[0])}: is it text?"
                )
            self._events = yaml.parse(self._text, Loader=yaml.SafeLoader)
            documents = 0
            for event in self._events:
                if isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self._fail((), _line(event), "a second document begins: one is read")
                elif isinstance(event, NodeEvent):
                    value = self._node(event, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._note((), 1 if mark is None else mark.line + 1, self._problem(error))
        except _Broken:
            pass
        return Marked(value, self._lines, self._mistakes)

    def _node(self, event: NodeEvent, key: Key) -> Any:
        self._lines.setdefault(key, _line(event))
        if isinstance(event, AliasEvent) or event.anchor:
            text = "anchors and aliases (& and *) are not taken: write it out, or use 'defaults'"
            self._note(key, _line(event), text)
        if isinstance(event, AliasEvent):
            return None
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in _TEXT:
            self._note(key, _line(event), f"the tag {quoted(tag)} is not taken: leave it out")
        if len(key) > _DEEPEST:
            self._fail(key, _line(event), f"it is nested more than {_DEEPEST} deep")
        if isinstance(event, MappingStartEvent):
            return self._map(key)
        if isinstance(event, SequenceStartEvent):
            return self._list(key)
        assert isinstance(event, ScalarEvent)  # noqa: S101 — there is no fourth kind
        return _scalar(event)

    def _map(self, key: Key) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                self._fail(key, _line(event), "a key is a word, not a list, a map or an alias")
            name = event.value
            place = (*key, name)
            if name in result:
                text = f"it is written twice, first in line {self._lines[place]}: keep one of them"
                self._note(place, _line(event), text)
            else:
                self._lines[place] = _line(event)
            result[name] = self._value(place)
        return result

    def _list(self, key: Key) -> list[Any]:
        result: list[Any] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            assert isinstance(event, NodeEvent)  # noqa: S101 — between items there is nothing else
            result.append(self._node(event, (*key, len(result))))
        return result

    def _value(self, key: Key) -> Any:
        event = next(self._events)
        assert isinstance(event, NodeEvent)  # noqa: S101 — a key has a value, if an empty one
        return self._node(event, key)

    def _note(self, key: Key, line: int, text: str) -> None:
        self._mistakes.append(Mistake(key, text, line))

    def _fail(self, key: Key, line: int, text: str) -> NoReturn:
        self._note(key, line, text)
        raise _Broken

    def _problem(self, error: yaml.MarkedYAMLError) -> str:
        mark = error.problem_mark
        line = [*self._text.splitlines(), ""][mark.line] if mark else ""
        if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in str(error.problem):
            return "a tab indents this line: YAML takes spaces"
        return f"it is no YAML: {', '.join(filter(None, (error.context, error.problem)))}"


def _line(event: Event) -> int:
    mark = event.start_mark
    return 1 if mark is None else mark.line + 1


def _scalar(event: ScalarEvent) -> Any:
    text: str = event.value
    if event.style is not None or event.tag in _TEXT:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
