"""Who is asking: the identity that a credential stands for, after it has been checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CallerKind = Literal["admin", "auditor", "department", "region", "operator"]
Role = Literal["clerk", "confirmer"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A checked credential. ``department`` is set for departments, ``region_id`` and ``role`` for regions.

    ``operator`` is someone at the machine itself, using the server's own commands; it administers, and its acts
    are audited under that name. ``auditor`` reads the audit and no data.
    """

    kind: CallerKind
    credential_id: str
    name: str
    department: str | None = None
    region_id: int | None = None
    role: Role | None = None

    @property
    def administers(self) -> bool:
        return self.kind in {"admin", "operator"}


OPERATOR = Caller(kind="operator", credential_id="operator", name="本机操作员")
RULE = Caller(kind="operator", credential_id="rule", name="规则")
"""What is granted without anybody deciding is granted by it."""
