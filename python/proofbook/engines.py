"""The books by name, and the option of the command line that chooses one."""

from __future__ import annotations

from typing import Annotated, TypeAlias, get_args

import typer

from proofbook import _core
from proofbook.types import Engine

DESCRIPTIONS: dict[Engine, str] = dict(_core.engines())
"""What each of them is."""

ENGINES: tuple[Engine, ...] = tuple(DESCRIPTIONS)
"""Their names, the one that the others are compared with first."""

DEFAULT: Engine = "ladder"


def checked(name: str) -> Engine:
    """The name, if a book has it.

    Raises:
        typer.BadParameter: none has it.
    """
    for engine in ENGINES:
        if engine == name:
            return engine
    raise typer.BadParameter(
        f"expected one of {', '.join(ENGINES)}; received {name!r}. LOBSTER's order book file is named by --book-file."
    )


Choice: TypeAlias = Annotated[
    str,
    typer.Option("--book", metavar="NAME", callback=checked, help=f"What holds the orders: {', '.join(ENGINES)}."),
]
"""A parameter of a command that chooses a book."""

assert set(get_args(Engine)) == set(ENGINES), "the names for annotations are those of the native module"
