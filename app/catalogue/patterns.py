"""Which regular expressions an element may carry: ones that no text can make slow.

A refused expression is not wrong, only not provably quick: repeating what itself varies in length is where
backtracking explodes. What is allowed suffices for codes, numbers and dates.
"""

from __future__ import annotations

import re

MAX_LENGTH = 200
_MAX_VARIABLE = 10
_MAX_UNBOUNDED = 3
_MAX_REPEAT = 1000
_QUANTIFIER = re.compile(r"\*|\+|\?|\{(\d*)(,?)(\d*)\}")
_ONE_SIGN = re.compile(
    r"(?:\[[^\]\\^][^\]\\]*\]|\\[dDwW]|[^\\.^$*+?{}\[\]|()])(?:\{(?P<fewest>\d{1,4})(?:,(?P<most>\d{1,4}))?\})?(?![*+?{])"
)


def pattern_fault(pattern: str) -> str | None:
    """Why ``pattern`` may not be used, or None if it may."""
    if len(pattern) > MAX_LENGTH:
        return f"正则表达式最多 {MAX_LENGTH} 个字符（a pattern has at most {MAX_LENGTH} characters）"
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"正则表达式有误（not a regular expression）: {error}"
    if re.search(r"\\[1-9]|\(\?[P(<!=]|\(\?<", pattern.replace("\\\\", "")):
        return "不支持回引、命名组与环视（no back references, named groups or look-around）"
    return _repetition_fault(re.sub(r"\\.", "a", pattern))


def text_width(pattern: str | None) -> tuple[int, int] | None:
    """The fewest and most characters of a text of the form, where it is a plain row of signs; None where it is not."""
    if pattern is None:
        return None
    plain = pattern.removeprefix("^").removesuffix("$")
    low = high = position = 0
    while position < len(plain):
        sign = _ONE_SIGN.match(plain, position)
        if sign is None:
            return None
        fewest, most = sign["fewest"], sign["most"]
        low += int(fewest) if fewest else 1
        high += int(most or fewest) if fewest else 1
        position = sign.end()
    return (low, high) if high else None


def _repetition_fault(pattern: str) -> str | None:
    variable = unbounded = position = 0
    groups: list[tuple[bool, bool]] = []  # of each open group: has it a varying repetition, an alternative
    last: tuple[bool, bool] | None = None  # of the atom just read, where it was a group
    varies = alternates = False
    while position < len(pattern):
        sign = pattern[position]
        quantifier = _QUANTIFIER.match(pattern, position)
        if sign == "[":
            position = pattern.index("]", position + (3 if pattern[position + 1] == "^" else 2)) + 1
            last = None
        elif sign == "(":
            groups.append((varies, alternates))
            varies = alternates = False
            position += 3 if pattern.startswith("(?:", position) else 1
            last = None
        elif sign == ")":
            last = (varies, alternates)
            outer_varies, outer_alternates = groups.pop()
            varies, alternates = outer_varies or varies, outer_alternates
            position += 1
        elif quantifier is not None:
            most, fixed = _bounds(quantifier)
            if last is not None and most > 1 and (last[0] or (last[1] and most > _MAX_VARIABLE)):
                return "不能重复本身长度可变的组（a group that varies may not be repeated）"
            if most > _MAX_REPEAT and quantifier[2] != "," and quantifier.group() not in "*+":
                return f"重复次数最多 {_MAX_REPEAT}（at most {_MAX_REPEAT} repetitions）"
            variable += not fixed
            unbounded += most > _MAX_REPEAT
            varies = varies or not fixed
            last = None
            position = quantifier.end()
            if pattern.startswith("?", position):  # lazy: as bad as its greedy form, and no more
                position += 1
        else:
            alternates = alternates or sign == "|"
            last = None
            position += 1
    if variable > _MAX_VARIABLE or unbounded > _MAX_UNBOUNDED:
        return f"可变重复最多 {_MAX_VARIABLE} 处，其中无上限的最多 {_MAX_UNBOUNDED} 处（too many varying repetitions）"
    return None


def _bounds(quantifier: re.Match[str]) -> tuple[int, bool]:
    """The most repetitions, and whether their number is fixed."""
    sign = quantifier.group()
    if sign in "*+":
        return _MAX_REPEAT + 1, False
    if sign == "?":
        return 1, False
    low, comma, high = quantifier.groups()
    if not comma:
        return int(low or 0), True
    return (int(high) if high else _MAX_REPEAT + 1), low == high
