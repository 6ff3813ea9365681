"""For whom an event is: one department, one region's own keys, one credential, or the administrators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Audience:
    """Those who may read an event; nobody else learns that it is there. ``name`` is how it is kept."""

    name: str

    @classmethod
    def department(cls, code: str) -> Self:
        return cls(f"department:{code}")

    @classmethod
    def region(cls, region_id: int) -> Self:
        """The keys of this very region, not of those above or below it."""
        return cls(f"region:{region_id}")

    @classmethod
    def credential(cls, credential_id: str) -> Self:
        return cls(f"credential:{credential_id}")


ADMINISTRATORS = Audience("administrators")
