"""JSON read into models: fields that this version does not know are left out, so a newer server is no surprise."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Model = TypeVar("Model")


def read(kind: type[Model], value: Any) -> Model:
    """Read a model from what an answer holds."""
    found: Model = _read(kind, value)
    return found


def _read(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if value is None:
        return None
    if origin in {Union, UnionType}:
        return _read_one_of([each for each in get_args(kind) if each is not NoneType], value)
    if origin is list:
        return [_read(get_args(kind)[0], each) for each in value]
    if origin is dict:
        return {name: _read(get_args(kind)[1], each) for name, each in value.items()}
    if kind is datetime:
        return datetime.fromisoformat(value)
    return _read_model(kind, value) if is_dataclass(kind) else value


def _read_one_of(kinds: list[Any], value: Any) -> Any:
    """Read what may be one thing or another; only a thing that may be absent is ever a model."""
    return _read(kinds[0], value) if len(kinds) == 1 else value


def _read_model(kind: Any, value: Mapping[str, Any]) -> Any:
    return kind(**{name: _read(hint, value.get(key)) for name, key, hint in _fields(kind)})


@cache
def _fields(kind: Any) -> tuple[tuple[str, str, Any], ...]:
    """List the fields of a model: a word that Python keeps for itself has an underscore after it there."""
    hints = get_type_hints(kind)
    return tuple((each.name, each.name.rstrip("_"), hints[each.name]) for each in fields(kind))
