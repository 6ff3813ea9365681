"""From the text of an expression to its syntax tree, by the grammar of Python's operators and nothing more.

The precedence is Python's: ``or``, ``and``, ``not``, comparison (which may be chained), ``+ -``, ``* /``, sign. It is
read here and not by ``ast``: ``if(c, a, b)`` is not Python, numbers must stay as written (0.1 is one tenth), and a text
from outside has no business in a parser that was made for programs. Every bound is checked before work is done, so that
a hostile text is refused in time proportional to its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

MOST_CHARACTERS = 2_000
MOST_NODES = 200
MOST_DEPTH = 32
MOST_DIGITS = 30

KEYWORDS = frozenset({"and", "or", "not", "true", "false", "True", "False"})


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written; ``decimals`` are the digits after its point."""

    at: int
    value: Fraction
    decimals: int


@dataclass(frozen=True, slots=True)
class Text:
    at: int
    value: str


@dataclass(frozen=True, slots=True)
class Truth:
    at: int
    value: bool


@dataclass(frozen=True, slots=True)
class Name:
    """``dataset.element``, or in a check ``element``."""

    at: int
    path: str


@dataclass(frozen=True, slots=True)
class Unary:
    """``operator`` is ``+``, ``-`` or ``not``."""

    at: int
    operator: str
    operand: Syntax


@dataclass(frozen=True, slots=True)
class Binary:
    """``operator`` is one of + - * /."""

    at: int
    operator: str
    left: Syntax
    right: Syntax


@dataclass(frozen=True, slots=True)
class Chain:
    """``first op operand op operand …``: every neighbouring pair must hold."""

    at: int
    first: Syntax
    rest: tuple[tuple[str, Syntax], ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """``and`` or ``or`` over two or more operands."""

    at: int
    operator: str
    operands: tuple[Syntax, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    at: int
    function: str
    arguments: tuple[Syntax, ...]


Syntax = Number | Text | Truth | Name | Unary | Binary | Chain | Joined | Applied


class SyntaxFault(ValueError):
    """The text is not an expression; ``at`` is the character (from 0) where that shows."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
      | (?P<name>[^\W0-9]\w*(?:\.[^\W0-9]\w*)*)
      | (?P<text>'(?:[^'\\\x00]|\\['"\\])*'|"(?:[^"\\\x00]|\\['"\\])*")
      | (?P<sign>==|!=|<=|>=|[-+*/<>(),])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_HINTS = {
    "=": "相等写作 ==（equality is ==）",
    "&": "并且写作 and（write and）",
    "|": "或者写作 or（write or）",
    "!": "否定写作 not，不等写作 !=（write not, or !=）",
    "%": "没有求余；百分比由 unit 换算（there is no modulo）",
    "≤": "写作 <=",
    "≥": "写作 >=",
    "≠": "写作 !=",
    "×": "写作 *",
    "÷": "写作 /",
    "（": "请用半角括号（use ASCII brackets）",
    "）": "请用半角括号（use ASCII brackets）",
    "，": "请用半角逗号（use an ASCII comma）",
    "“": "引号用 ' 或 \"（use ASCII quotes）",
    "‘": "引号用 ' 或 \"（use ASCII quotes）",
    "'": "引号没有结束，或其中有不认识的转义（the quote does not end）",
    '"': "引号没有结束，或其中有不认识的转义（the quote does not end）",
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            hint = _HINTS.get(text[at], "")
            raise SyntaxFault(f"不认识的字符“{text[at]}”{'：' + hint if hint else ''}（unexpected character）", at)
        if match.lastgroup != "space":
            found.append(_Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    found.append(_Token("end", "", len(text)))
    return found


def parse_expression(text: str) -> Syntax:
    """The syntax tree of ``text``; raises SyntaxFault where it is not an expression or exceeds a bound."""
    if len(text) > MOST_CHARACTERS:
        raise SyntaxFault(f"表达式超过 {MOST_CHARACTERS} 个字符（the expression is too long）", MOST_CHARACTERS)
    return _Parser(_tokens(text)).whole()


class _Parser:
    """Recursive descent; the depth of recursion is bounded by MOST_DEPTH nested brackets and signs."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._nodes = 0

    def whole(self) -> Syntax:
        tree = self._disjunction()
        if self._here.kind != "end":
            raise SyntaxFault(f"“{self._here.text}”处多余或缺少运算符（unexpected {self._here.text}）", self._here.at)
        return tree

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._here
        self._next += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._here.kind in ("sign", "name") and self._here.text in texts

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise SyntaxFault(f"表达式超过 {MOST_NODES} 个部分（the expression has too many parts）", self._here.at)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise SyntaxFault(f"嵌套超过 {MOST_DEPTH} 层（the expression is nested too deeply）", self._here.at)

    def _disjunction(self) -> Syntax:
        return self._joined("or", self._conjunction)

    def _conjunction(self) -> Syntax:
        return self._joined("and", self._negation)

    def _joined(self, operator: str, operand: Callable[[], Syntax]) -> Syntax:
        at = self._here.at
        operands = [operand()]
        while self._is(operator):
            self._take()
            operands.append(operand())
        if len(operands) == 1:
            return operands[0]
        self._count()
        return Joined(at, operator, tuple(operands))

    def _negation(self) -> Syntax:
        if not self._is("not"):
            return self._comparison()
        at = self._take().at
        self._count()
        self._deeper()
        operand = self._negation()
        self._depth -= 1
        return Unary(at, "not", operand)

    def _comparison(self) -> Syntax:
        at = self._here.at
        first = self._sum()
        rest: list[tuple[str, Syntax]] = []
        while self._here.kind == "sign" and self._here.text in _COMPARISONS:
            operator = self._take().text
            self._count()
            rest.append((operator, self._sum()))
        return Chain(at, first, tuple(rest)) if rest else first

    def _sum(self) -> Syntax:
        tree = self._product()
        while self._is("+", "-"):
            operator = self._take()
            self._count()
            tree = Binary(operator.at, operator.text, tree, self._product())
        return tree

    def _product(self) -> Syntax:
        tree = self._signed()
        while self._is("*", "/"):
            operator = self._take()
            self._count()
            tree = Binary(operator.at, operator.text, tree, self._signed())
        return tree

    def _signed(self) -> Syntax:
        if not self._is("+", "-"):
            return self._atom()
        sign = self._take()
        self._count()
        self._deeper()
        operand = self._signed()
        self._depth -= 1
        return Unary(sign.at, sign.text, operand)

    def _atom(self) -> Syntax:
        token = self._take()
        self._count()
        if token.kind == "number":
            if len(token.text) > MOST_DIGITS:
                raise SyntaxFault(f"数超过 {MOST_DIGITS} 位（the number has too many digits）", token.at)
            return Number(token.at, Fraction(token.text), len(token.text.partition(".")[2]))
        if token.kind == "text":
            return Text(token.at, _ESCAPE.sub(r"\1", token.text[1:-1]))
        if token.kind == "name":
            return self._name(token)
        if token.text == "(":
            self._deeper()
            tree = self._disjunction()
            self._expect(")")
            self._depth -= 1
            return tree
        what = f"“{token.text}”" if token.text else "结尾"
        raise SyntaxFault(f"{what}处缺少一个值（a value is missing here）", token.at)

    def _name(self, token: _Token) -> Syntax:
        if token.text in ("true", "True", "false", "False"):
            return Truth(token.at, token.text.lower() == "true")
        if token.text in KEYWORDS:
            raise SyntaxFault(f"“{token.text}”处缺少一个值（a value is missing here）", token.at)
        if not self._is("("):
            return Name(token.at, token.text)
        self._deeper()
        self._take()
        arguments: list[Syntax] = []
        while not self._is(")"):
            arguments.append(self._disjunction())
            if not self._is(")"):
                self._expect(",")
        self._take()
        self._depth -= 1
        return Applied(token.at, token.text, tuple(arguments))

    def _expect(self, text: str) -> None:
        if not self._is(text):
            what = f"而不是“{self._here.text}”" if self._here.text else "而表达式已结束"
            raise SyntaxFault(f"此处应为“{text}”，{what}（{text} is expected here）", self._here.at)
        self._take()
