"""Names for what goes into tables and comes out of them: a column's type says what a value is, not Python's."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Cell: TypeAlias = Any
"""A value of some column."""

RowValues: TypeAlias = Mapping[str, Cell]
"""A row or a statement's parameters: values by name."""

RawRow: TypeAlias = Sequence[Cell]
"""A row as a cursor returns it: values in the order of the columns."""

RawRows: TypeAlias = Iterable[RawRow]
"""What a query finds."""
