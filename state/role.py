"""What chat models are asked to do."""

from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["generate", "reflect", "review", "propose"]
ROLES: tuple[Role, ...] = get_args(Role)
