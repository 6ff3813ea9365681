"""Which region a row means, by its code, its name, or both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from app.catalogue.model import LEVELS, Level
from app.catalogue.regions import RegionState
from app.intake.grid import Cell, exact, plain
from app.intake.records import Context
from app.intake.spelling import folded, undecorated

Which = Literal["code", "name"]

_SCIENTIFIC = re.compile(r"[+-]?\d+(?:\.\d+)?e\+?\d+")
_CODE = re.compile(r"\d{2,12}")
_CODE_AND_NAME = re.compile(r"\(?(\d{2,12})\)?[-_/:]?(\D.*)")
_PADDED_LENGTHS = {6: (2, 4), 9: (2, 4, 6), 12: (2, 4, 6, 9)}
_SEATS = (("人民政府", ""), ("街道办事处", "街道"), ("街道办", "街道"), ("办事处", "街道"), ("街办", "街道"))
_MIN_STEM = 2
_LISTED = 5


class RegionFault(NamedTuple):
    """Why a row's region could not be told: at which cell, the finding's code, both messages, what would be accepted."""

    which: Which
    code: str
    message: str
    message_en: str
    accepted: str | None = None


@dataclass(frozen=True, slots=True)
class FoundRegion:
    """A region, or the faults that stand against one. ``coarser``: it lies above the dataset's level (a sum row)."""

    region_id: int | None = None
    faults: tuple[RegionFault, ...] = ()
    coarser: bool = False


@dataclass(slots=True)
class _Names:
    """The names of one edition below one region: as written, and brought to one spelling."""

    spelled: dict[str, list[int]] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ()


def region_text(cell: Cell) -> str:
    """What a region cell says; a number becomes its plain digits."""
    if cell is None or isinstance(cell, bool | date | datetime):
        return "" if cell is None else str(cell)
    if isinstance(cell, float | int | Decimal):
        return plain(exact(cell))
    if isinstance(cell, str):
        return cell.strip().lstrip("'").strip()
    return cell.text


def region_key(name: str) -> str:
    """A region's name in one spelling: 长安街道办事处, 长安办事处 and 长安街道 are one; so are 某村村委会 and 某村."""
    key = undecorated(name)
    for ending, instead in _SEATS:
        if key.endswith(ending) and len(key) > len(ending) + 1:
            key = key.removesuffix(ending) + instead
            break
    for ending in ("村民委员会", "村委会"):
        if key.endswith(ending) and len(key) > len(ending):
            return key.removesuffix(ending).removesuffix("村") + "村"
    for ending in ("居民委员会", "居委会"):
        if key.endswith(ending) and len(key) > len(ending):
            return key.removesuffix(ending).removesuffix("社区") + "社区"
    return key


class RegionLookup:
    """Looks up regions for one reading. Names are looked for below the caller's own region; codes everywhere."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._regions = context.regions
        self._names: dict[tuple[int, int | None], _Names] = {}
        self._listed: dict[date, str] = {}

    def find(self, code: str, name: str, on: date, below: Iterable[str] = ()) -> FoundRegion:
        """The region that a row's code and name (either may be empty) mean on that day.

        ``below`` are the names of regions above it that the row gives as well (县, 乡镇 beside 村).
        """
        both = _CODE_AND_NAME.fullmatch(folded(name)) if not code else None
        if both is not None:
            code, name = both[1], both[2]
        elif not code and _CODE.fullmatch(folded(name)):
            code, name = name, ""
        which_code: Which = "name" if both is not None else "code"
        by_code: int | None = None
        if code:
            if _CODE.fullmatch(folded(code)) is None and _SCIENTIFIC.fullmatch(folded(code)) is None and not name:
                return self._by_name(code, on, below, "code")
            fault = self._code_fault(code, which_code)
            if fault is not None:
                return FoundRegion(faults=(fault,))
            by_code = self._holder(folded(code), on)
            if by_code is None:
                return FoundRegion(faults=(self._unknown_code(code, name, on, which_code),))
        if by_code is not None and name:
            if not self._agree(by_code, name, on):
                return FoundRegion(faults=self._mismatch(by_code, code, name, on, which_code))
            return self._of_level(by_code, on, which_code)
        if by_code is not None:
            return self._of_level(by_code, on, which_code)
        return self._by_name(name, on, below, "name")

    def name(self, region_id: int, on: date) -> str:
        """``name（code）`` of a region on that day."""
        state = self._regions.state(region_id, on)
        return f"{state.name}（{state.code}）" if state is not None else str(region_id)

    # -- by code ---------------------------------------------------------------------------------------------------
    def _holder(self, code: str, on: date) -> int | None:
        found = self._regions.holder(code, on)
        if found is None and len(code) in _PADDED_LENGTHS:
            # 430682001000 is the township 430682001 written in twelve digits.
            for length in reversed(_PADDED_LENGTHS[len(code)]):
                if set(code[length:]) == {"0"}:
                    found = self._regions.holder(code[:length], on)
                    if found is not None:
                        break
        return found

    def _code_fault(self, code: str, which: Which) -> RegionFault | None:
        text = folded(code)
        if _SCIENTIFIC.fullmatch(text):
            return RegionFault(
                which,
                "scientific",
                f"区划代码“{code}”是科学计数法，位数已经丢失；请把该列设为文本格式后重新填写代码",
                f"The region code {code!r} is in scientific notation and has lost digits; format the column as text",
                "如 430682001",
            )
        return None

    def _unknown_code(self, code: str, name: str, on: date, which: Which) -> RegionFault:
        past = self._regions.holders(folded(code))
        accepted = None
        if name:
            ids = self._ids(name, on)
            accepted = self.name(ids[0], on) if len(ids) == 1 else None
        accepted = accepted or self._choices(on)
        if past:
            return RegionFault(
                which,
                "unknown_region",
                f"区划代码“{code}”在该期间无效（曾为{past[-1].name}）",
                f"The region code {code!r} is not in force in that period (it was {past[-1].name})",
                accepted,
            )
        return RegionFault(
            which, "unknown_region", f"没有区划代码“{code}”", f"There is no region with the code {code!r}", accepted
        )

    # -- by name ---------------------------------------------------------------------------------------------------
    def _by_name(self, name: str, on: date, below: Iterable[str], which: Which) -> FoundRegion:
        ids = self._ids(name, on)
        level = self._context.dataset.level
        if len(ids) > 1:
            of_level = [i for i in ids if self._level(i, on) == level]
            ids = of_level or ids
        if len(ids) > 1 and self._context.region_id is not None:
            inside = self._regions.subtree(self._context.region_id, on)
            ids = [i for i in ids if i in inside] or ids
        for above in below:
            if len(ids) > 1 and above:
                parents = set(self._ids(above, on))
                ids = [i for i in ids if parents & set(self._regions.ancestors(i, on))] or ids
        if len(ids) == 1:
            return self._of_level(ids[0], on, which)
        if ids:
            choices = "、".join(self.name(i, on) for i in sorted(ids)[:5])
            return FoundRegion(
                faults=(
                    RegionFault(
                        which,
                        "ambiguous_region",
                        f"“{name}”可指{len(ids)}个区划，请填写区划代码",
                        f"{name!r} may mean {len(ids)} regions; give the region code",
                        choices,
                    ),
                )
            )
        near = self._near(name, on)
        return FoundRegion(
            faults=(
                RegionFault(
                    which,
                    "unknown_region",
                    f"没有名为“{name}”的区划",
                    f"There is no region named {name!r}",
                    "、".join(near) or self._choices(on),
                ),
            )
        )

    def _ids(self, name: str, on: date) -> list[int]:
        names = self._index(on)
        key = region_key(name)
        found = names.spelled.get(key)
        rest = folded(name)
        while found is None:
            prefix = next((p for p in names.prefixes if rest.startswith(p) and len(rest) > len(p) + 1), None)
            if prefix is None:
                return []
            rest = rest.removeprefix(prefix)
            found = names.spelled.get(region_key(rest))
        return list(found)

    def _index(self, on: date) -> _Names:
        base = self._context.root if self._context.root is not None else self._context.region_id
        key = (self._regions.edition(on), base)
        names = self._names.get(key)
        if names is None:
            names = _Names()
            states: Iterable[RegionState] = self._regions.in_force(on)
            if base is not None:
                above = self._regions.ancestors(base, on)
                inside = self._regions.subtree(base, on) | set(above)
                states = [state for i in inside if (state := self._regions.state(i, on)) is not None]
                own = [state.name for i in (base, *above) if (state := self._regions.state(i, on)) is not None]
                names.prefixes = tuple(folded(name) for name in own)
            for state in states:
                names.spelled.setdefault(region_key(state.name), []).append(state.region_id)
            self._names[key] = names
        return names

    def _near(self, name: str, on: date) -> list[str]:
        stem = region_key(name)[:_MIN_STEM]
        if len(stem) < _MIN_STEM:
            return []
        close = [i for key, ids in self._index(on).spelled.items() if stem in key for i in ids]
        of_level = [i for i in close if self._level(i, on) == self._context.dataset.level]
        return [self.name(i, on) for i in sorted(of_level)[:3]]

    def _choices(self, on: date) -> str | None:
        """Some of the regions that might have been meant: of the dataset's level, below the caller's own."""
        if on not in self._listed:
            root, level = self._context.root, self._regions.at_level(self._context.dataset.level, on)
            below = self._regions.subtree(root, on) if root is not None else None
            ids = [i for i in level if below is None or i in below]
            names = sorted(ids, key=lambda i: state.code if (state := self._regions.state(i, on)) is not None else "")
            more = f" 等{len(ids)}个" if len(ids) > _LISTED else ""
            self._listed[on] = "、".join(self.name(i, on) for i in names[:_LISTED]) + more
        return self._listed[on] or None

    # -- both ------------------------------------------------------------------------------------------------------
    def _agree(self, region_id: int, name: str, on: date) -> bool:
        given = region_key(name)
        for state in self._regions.history(region_id):
            own = region_key(state.name)
            if given == own or (
                len(given) >= _MIN_STEM and own.startswith(given) and len(own) - len(given) <= _MIN_STEM
            ):
                return True
        return region_id in self._ids(name, on)

    def _mismatch(self, by_code: int, code: str, name: str, on: date, which: Which) -> tuple[RegionFault, ...]:
        ids = self._ids(name, on)
        own = self.name(by_code, on)
        named = self.name(ids[0], on) if len(ids) == 1 else None
        message = f"区划代码{code}是{own}，名称却是“{name}”"
        message_en = f"The region code {code} is {own}, but the name is {name!r}"
        accepted = " 或 ".join(choice for choice in (own, named) if choice)
        ends: tuple[Which, ...] = ("code", "name") if which == "code" else ("name",)
        return tuple(RegionFault(end, "region_mismatch", message, message_en, accepted) for end in ends)

    # -- the level -------------------------------------------------------------------------------------------------
    def _level(self, region_id: int, on: date) -> Level | None:
        state = self._regions.state(region_id, on)
        return state.level if state is not None else None

    def _of_level(self, region_id: int, on: date, which: Which) -> FoundRegion:
        level, wanted = self._level(region_id, on), self._context.dataset.level
        if level is None or level == wanted:
            return FoundRegion(region_id)
        if LEVELS.index(level) < LEVELS.index(wanted) and self._sums_up(region_id, on):
            return FoundRegion(region_id, coarser=True)
        return FoundRegion(
            faults=(
                RegionFault(
                    which,
                    "wrong_level",
                    f"{self.name(region_id, on)}是{LEVEL_TITLES[level]}，本数据集按{LEVEL_TITLES[wanted]}填报",
                    f"{self.name(region_id, on)} is a {level}; the dataset is kept by {wanted}",
                ),
            )
        )

    def _sums_up(self, region_id: int, on: date) -> bool:
        """Whether a coarser region's row can be the sum of others: it lies above or below what is being reported for."""
        base = self._context.region_id if self._context.region_id is not None else self._context.root
        if base is None:
            return True
        return region_id in self._regions.subtree(base, on) or region_id in self._regions.ancestors(base, on)


LEVEL_TITLES: dict[Level, str] = {
    "province": "省级",
    "prefecture": "市级",
    "county": "县级",
    "township": "乡级",
    "village": "村级",
}
