"""Places of a document, as msgspec names them in its errors: what stands there, and what may.

An error of msgspec names the place and often the type, but not always what it found there, and never which words may
stand there. What is told to people and programs has both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import inspect

STEP = re.compile(r"\[(?P<index>\d+)\]|(?P<name>[^.\[\]]+)")


def found_at(place: str, value: Any) -> Any:
    """What stands at a place of a value, such as ``markets[2].fee``.

    Raises:
        LookupError: nothing does.

    >>> found_at("markets[1].fee", {"markets": [{}, {"fee": -1}]})
    -1
    """
    for step in STEP.finditer(place):
        key: Any = step["name"] if step["index"] is None else int(step["index"])
        if not isinstance(value, dict | list) or isinstance(value, list) != isinstance(key, int):
            raise LookupError(place)
        value = value[key]
    return value


def words_at(place: str, kind: Any) -> list[str]:
    """The words that may stand at a place of a type, or the names of what may be in it; none where it is anything.

    >>> from typing import Literal
    >>> words_at("things[0]", dict[str, list[Literal["green", "red"]]])
    ['green', 'red']
    """
    found = list(_parts([inspect.type_info(kind)]))
    for step in STEP.finditer(place):
        found = list(_parts(inner for part in found for inner in _inside(part, step["name"])))
    structs = [part for part in found if isinstance(part, inspect.StructType)]
    if len(structs) == 1:
        return [field.encode_name for field in structs[0].fields]
    values = (value for part in found if isinstance(part, inspect.LiteralType) for value in part.values)
    return list(dict.fromkeys(map(str, values)))


def _parts(kinds: Iterable[Any]) -> Iterator[Any]:
    """Types without what is around them: of a union each."""
    for kind in kinds:
        if isinstance(kind, inspect.UnionType):
            yield from _parts(kind.types)
        elif isinstance(kind, inspect.Metadata):
            yield from _parts([kind.type])
        else:
            yield kind


def _inside(kind: Any, name: str | None) -> Iterator[Any]:
    """The types of what is in a type: under a name, or each of a list."""
    if isinstance(kind, inspect.StructType):
        if name == kind.tag_field and kind.tag is not None:
            yield inspect.LiteralType((str(kind.tag),))
        yield from (field.type for field in kind.fields if field.encode_name == name)
    elif isinstance(kind, inspect.DictType) and name is not None:
        yield kind.value_type
    elif isinstance(kind, inspect.ListType) and name is None:
        yield kind.item_type
