"""A form's columns read into facets, each with what its headings, the caption and the form's title add."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.matching.facets import TEXT_KINDS, WAYS_OF_COUNTING, Facets, facets_of, facets_of_heading, kind_of_unit
from app.matching.form import Form, FormColumn
from app.matching.index import MatchIndex
from app.matching.text import Heading, bigrams, caption_units, folded, read_heading, unit_in

POPULATIONS = frozenset({"户籍", "常住", "实有", "暂住"})  # never the same people, whatever the name
PLACES = frozenset({"乡镇", "行政村", "县", "市州", "村民小组", "自然村", "地区", "居委会"})
_WHOLE = re.compile(r"^(?:总计|合计|小计|全部|总数|总体|共计|累计|汇总|全口径|全渠道)")
_GROUPING = re.compile(
    r"(?:情况|分类|类别|来看|指标|构成|组成|信息|状况|方面|分组|项目|性别分|分|附报|其中|概况|资料"
    r"|现状|发展|设施|建设|工作|服务|保障|运行|基础|条件|福利|事业|领域|活动|革命|行动|提升|攻坚|防治)$"
)
# A heading that joins two subjects (人口与就业) names a section of the form; no single figure is qualified by both.
_JOINED = re.compile(r".{2,}[和与及、].{2,}")
_SAYS_TOTAL = re.compile(r"(?:总数|总人口|总人数|总户数)$")
TRADING = frozenset({"企业", "生产经营单位", "个体工商户", "商店", "家庭农场", "合作社", "龙头企业"})
_NUMBER = re.compile(r"^[-+]?\d[\d,，]*(?:\.\d+)?[%‰]?$")
_YEAR = re.compile(r"^(?:19|20)\d\d年?$")
_ENDING = (
    ("乡镇", re.compile(r"[镇乡]$|街道(?:办事处)?$")),
    ("行政村", re.compile(r"(?:村|社区|居委会|村委会)$")),
    ("县", re.compile(r"[县区市旗]$")),
)
_LEFT_OUT = re.compile(r"^(?:不含|不包括|不包含|剔除|扣除|除)")
_PEOPLE = re.compile(r"([^及和与、,]{2,12}?)(?:对象|人员|家庭|群体)")
_CLERICAL = re.compile(r"^(?:填|上|编|报|审|制|复|经)(?:表|报|送|核|办|出)(?:人|单位|日期|时间|部门|机关|负责人)")


@dataclass(frozen=True, slots=True)
class ReadHeading:
    """One heading above a column: ``grouping`` headings order the form without restricting what is counted."""

    facets: Facets
    content: frozenset[str]
    grouping: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """A column as the matcher knows it.

    ``own``: concepts of the name (or, for a bare 总人数, of the nearest heading that has any); ``notes``: of what
    stands in brackets; ``above``: of restricting headings; ``around``: of grouping headings, title, caption.
    """

    column: FormColumn
    heading: Heading
    facets: Facets
    own: frozenset[str]
    notes: frozenset[str]
    above: frozenset[str]
    around: frozenset[str]
    titled: frozenset[str]
    headings: tuple[ReadHeading, ...]  # nearest first
    unit: str | None
    unit_given: bool
    kind: str | None
    soft_kind: str | None
    time: frozenset[str]
    pairs: frozenset[str]
    full_pairs: frozenset[str]
    whole: bool
    promoted: bool
    part_of_whole: bool
    numeric: bool | None  # by the samples; None without samples
    bookkeeping: bool

    @property
    def context(self) -> frozenset[str]:
        return self.above | self.around | self.titled

    def concepts(self) -> dict[str, float]:
        """Every concept with the share it has in finding candidates."""
        shares = dict.fromkeys(POPULATIONS, 0.3) if self.own & POPULATIONS else {}
        shares |= dict.fromkeys(self.titled, 0.2)
        shares |= dict.fromkeys(self.around, 0.3)
        shares |= dict.fromkeys(self.notes, 0.4)
        shares |= dict.fromkeys(self.above, 0.6)
        shares |= dict.fromkeys(self.own, 1.0)
        return shares


def read_form(form: Form, index: MatchIndex) -> list[ReadColumn]:
    """Every column of ``form`` in its context."""
    titled: set[str] = set()
    people = _people_of(form.title, index)
    for text in (form.title, form.department):
        titled.update(
            c
            for c in facets_of(folded(text).replace("(", "").replace(")", ""), index.lexicon).content
            if not c.startswith("?")
        )
    captions = caption_units(form.caption, index.units)
    default_unit = captions[0] if len(captions) == 1 else None
    read = [_limited(read_column(column, frozenset(titled), default_unit, index), people) for column in form.columns]
    return _parts_marked(_of_which_joined(read))


def _of_which_joined(columns: list[ReadColumn]) -> list[ReadColumn]:
    """其中：绝收 speaks of the column before it: what that one says stands around it."""
    joined: list[ReadColumn] = []
    whole: ReadColumn | None = None
    for column in columns:
        if whole is not None and column.heading.of_which and column.column.path == whole.column.path:
            said = whole.own - column.own - column.above
            joined.append(replace(column, around=column.around | said))
        else:
            whole = column
            joined.append(column)
    return joined


def _people_of(title: str, index: MatchIndex) -> str | None:
    """The one group of people whom the title says the form is about: 低保 in 城乡最低生活保障对象分类统计表."""
    found = set()
    for match in _PEOPLE.finditer(folded(title)):
        content = facets_of(match[1], index.lexicon).content
        if content:
            found.add(content[-1])
    groups = set(facets_of(folded(title), index.lexicon).content) & index.lexicon.people
    return found.pop() if len(found) == 1 and groups <= found else None


def _limited(column: ReadColumn, people: str | None) -> ReadColumn:
    if people is None or people in column.own or "persons" not in {column.kind, column.soft_kind}:
        return column
    return replace(column, above=column.above | {people})


def _read_path(path: Sequence[str], index: MatchIndex) -> list[ReadHeading]:
    found = []
    for text in reversed(path):
        heading = read_heading(text, index.units)
        facets = facets_of_heading(heading, index.lexicon)
        whole = bool(_WHOLE.match(heading.term)) and not facets.content
        content = frozenset(facets.content)
        grouping = bool(_GROUPING.search(heading.term) or _JOINED.fullmatch(heading.term))
        found.append(ReadHeading(facets, content, grouping and not index.is_named(heading.term), whole))
    return found


def read_column(column: FormColumn, titled: frozenset[str], default_unit: str | None, index: MatchIndex) -> ReadColumn:
    heading = read_heading(column.name, index.units)
    facets = facets_of(heading.term, index.lexicon)
    path = list(column.path)
    if heading.prefix:
        path.append(heading.prefix)
    headings = _read_path(path, index)
    own, promoted = frozenset(facets.content), False
    rest = headings
    if not own:
        for position, above in enumerate(headings):
            if above.content:
                own, promoted, rest = above.content, True, headings[position + 1 :]
                break
    elif path and not headings[0].grouping and (joined := _joined_with(facets, headings[0].facets, index)):
        own, rest = joined, headings[1:]
    notes = frozenset(c for note in heading.notes for c in facets_of(note, index.lexicon).content)
    left_out = frozenset("?" + note for note in heading.notes if _LEFT_OUT.match(note))
    two_places = bool(notes & PLACES and own & PLACES)  # 行政村（社区）: two kinds of places, no restriction
    if (
        len(notes) == 1
        and not promoted
        and not two_places
        and (notes & WAYS_OF_COUNTING or notes & set(index.lexicon.excluding))
    ):
        own |= notes  # a bracket that restricts, such as (同口径) or (城镇), belongs to the name
    own |= left_out
    above_content = frozenset(c for h in rest if not h.grouping for c in h.content) - own
    around = frozenset(c for h in rest if h.grouping for c in h.content) - own
    given = (unit_in(column.unit, index.units) or folded(column.unit)) if column.unit else heading.unit
    unit = given or default_unit
    numeric = _numeric(column.samples)
    kind, soft = _kind(unit if given else None, facets, headings, index)
    own, kind = _place(own, kind, column.samples, numeric)
    if kind == "households" and given == "户" and (own | above_content) & TRADING:
        kind = "count"  # enterprises and shops are counted in 户 as well, and are no households
    pairs = bigrams(heading.term)
    prefix = "".join(h.facets.surface for h in reversed(headings) if not h.grouping)
    return ReadColumn(
        column=column,
        heading=heading,
        facets=facets,
        own=own,
        notes=notes - own,
        above=above_content,
        around=around,
        titled=titled,
        headings=tuple(headings),
        unit=unit,
        unit_given=given is not None,
        kind=kind,
        soft_kind=soft,
        time=facets.time.union(*(h.facets.time for h in headings[:1])) if headings else facets.time,
        pairs=pairs,
        full_pairs=bigrams(prefix + heading.term),
        whole=any(h.whole for h in headings),
        promoted=promoted,
        part_of_whole=False,
        numeric=numeric,
        bookkeeping=_is_bookkeeping(heading.term, bool(path), index),
    )


def _joined_with(leaf: Facets, above: Facets, index: MatchIndex) -> frozenset[str]:
    """严重 below 损坏房屋 is 严重损坏房屋: the concepts of leaf and heading in one, where together they make a word of its own."""
    together = facets_of(leaf.surface + above.surface, index.lexicon).content
    news = set(together) - {*leaf.content, *above.content}
    return frozenset(together) if news and not any(concept.startswith("?") for concept in together) else frozenset()


def _numeric(samples: Sequence[str]) -> bool | None:
    filled = [folded(sample) for sample in samples if folded(sample)]
    if not filled:
        return None
    return sum(bool(_NUMBER.match(sample)) for sample in filled) * 2 > len(filled)


def _kind(
    unit: str | None, facets: Facets, headings: Sequence[ReadHeading], index: MatchIndex
) -> tuple[str | None, str | None]:
    measure = facets.measure
    if measure is None and facets.share:
        measure = "rate"
    by_unit = kind_of_unit(unit, index.units)
    if by_unit is not None:
        return by_unit, measure or facets.noun_kind
    soft = facets.noun_kind
    for above in headings:
        soft = soft or above.facets.measure or above.facets.noun_kind
    return measure, soft


def _place(
    own: frozenset[str], kind: str | None, samples: Sequence[str], numeric: bool | None
) -> tuple[frozenset[str], str | None]:
    """A bare place noun over text names the place itself; 地区 and 单位 are told apart by their samples."""
    if kind not in {None, "name"} or not own or not own <= PLACES or numeric:
        return own, kind
    if "地区" in own:
        own = frozenset({_ending(samples) or "乡镇"})
    return own, "name"


def _ending(samples: Sequence[str]) -> str | None:
    for concept, pattern in _ENDING:
        if any(pattern.search(folded(sample)) for sample in samples):
            return concept
    return None


def _is_bookkeeping(term: str, nested: bool, index: MatchIndex) -> bool:
    if term in index.lexicon.bookkeeping or _CLERICAL.match(term):
        return True
    return not nested and term in {"编号", "联系电话", "联系人", "负责人", "电话", "日期", "时间"}


def _parts_marked(columns: list[ReadColumn]) -> list[ReadColumn]:
    """Mark the columns whose twin stands under 总计: where a form splits and sums, the parts are not the whole."""
    wholes = {_beside(column) for column in columns if column.whole}
    columns = [_of_all(column, columns) for column in columns]
    parts = [not c.whole and bool(c.headings) and not c.headings[0].grouping and _beside(c) in wholes for c in columns]
    return [_as_part(column) if part else column for column, part in zip(columns, parts, strict=True)]


def _of_all(column: ReadColumn, columns: Sequence[ReadColumn]) -> ReadColumn:
    """户籍人口总数 under 老年人口, with 其中：60周岁及以上 beside it, is the total that the section's people are part of."""
    if column.promoted or not column.own <= POPULATIONS or not _SAYS_TOTAL.search(column.heading.term):
        return column
    beside = [other for other in columns if other.column.path == column.column.path and other.heading.of_which]
    people = {c for heading in column.headings for c in heading.content if heading.facets.noun_kind == "persons"}
    return replace(column, above=column.above - people) if beside else column


def _beside(column: ReadColumn) -> tuple[frozenset[str], tuple[str, ...]]:
    """What is counted, under which headings but the nearest: a part and its whole agree in both."""
    return column.own, column.column.path[:-1]


def _as_part(column: ReadColumn) -> ReadColumn:
    return replace(column, part_of_whole=True)


def text_like(column: ReadColumn) -> bool:
    """Whether the column holds words, not figures, as far as one can see."""
    if column.kind in TEXT_KINDS:
        return True
    return column.numeric is False and not all(_YEAR.match(folded(s)) for s in column.column.samples)
