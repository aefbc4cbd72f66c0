"""What chat models are asked to do."""

from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["generate", "reflect", "propose"]
ROLES: tuple[Role, ...] = get_args(Role)
