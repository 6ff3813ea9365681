"""The columns of a sheet that are not figures: whose row it is, of when, and what is only there for the reader."""

from __future__ import annotations

import re
from typing import Literal

from app.catalogue.model import Frequency, Level
from app.intake.spelling import brackets_off, half_width, undecorated

# "above": a name column of regions above the one that the row is about; "faulty": a heading with a finding of its own
Role = Literal[
    "code", "name", "above", "period", "year", "part", "serial", "remark", "indicator", "unit", "value", "faulty"
]

_WORDS: dict[Role, str] = {
    "code": """区划 行政区划代码 行政区划编码 区划代码 区划编码 国标编码 国标代码 国标码 统计用区划代码 统计区划代码 行政代码 行政编码
        地区代码 地区编码 区域代码 区域编码 乡镇代码 乡镇编码 街道代码 镇代码 村代码 村编码 单位代码 单位编码 机构区划代码 代码
        编码 region region_code regioncode code xzqhdm xzqdm qhdm""",
    "name": """乡镇 乡镇(街道) 乡镇街道 乡(镇) 乡(镇、街道) 乡(镇,街道) 乡、镇 乡镇名称 乡镇(街道)名称 镇乡 镇(乡) 镇(街道) 镇(街)
        街道 街道名称 街镇 镇街 镇街名称 街道(乡镇) 街道乡镇 单位名称 单位 填报单位 报送单位 地区 地区名称 区域 区域名称 区划名称
        行政区划 行政区划名称 行政区域 行政区 名称 镇 镇名 所在乡镇 所属乡镇 所在乡镇(街道) 所属乡镇(街道) 乡级 region_name name
        xzqhmc xzqmc qhmc
        县 县区 县(区) 县(市、区) 县(市,区) 区县 区(县) 所属县区 县市区 所在县 市县 县级
        村 村名 村名称 村(社区) 村(社区)名称 村社区 村居 村(居) 行政村 行政村(社区) 社区 社区名称 村级""",
    "period": """期间 报告期 报告期间 统计期 统计期间 所属期 所属期间 数据期 时期 数据时期 period nd""",
    "year": """年 年度 年份 统计年度 数据年度 数据年份 报告年度 year""",
    "part": """月 月份 月度 统计月份 季度 季 半年 month quarter""",
    "serial": """序号 序 编序 行号 行次 no no. num xh 项次""",
    "remark": """备注 备注说明 说明 注 附注 备 填报说明 情况说明 remark remarks note notes bz""",
    "indicator": """指标名称 指标 指标项 指标项目 项目 项目名称 统计指标 填报指标 内容 数据项 数据项名称""",
    "unit": """计量单位 单位 指标单位 数据单位""",
    "value": """数量 数值 数 数据 本期数 本期 本年 本年数 填报值 填报数 填报数据 指标值 值 合计 本月 本季 本期值""",
}
_BY_WORD: dict[str, frozenset[Role]] = {}
for _role, _words in _WORDS.items():
    for _word in _words.split():
        _BY_WORD[undecorated(_word)] = _BY_WORD.get(undecorated(_word), frozenset()) | {_role}

_EVENT_DATES = frozenset("日期 发生日期 发生时间 时间 报告日期 事件日期 上报日期 date".split())  # noqa: SIM905

_LEVEL_WORDS: tuple[tuple[Level, str], ...] = (("village", "村社居"), ("township", "乡镇街"), ("county", "县区"))

_TOTAL = re.compile(
    r"(?:.{0,12}(?:合计|总计|小计|共计|累计|总和)|全(?:国|省|市|县|区|镇|乡|街道|村|辖区)|(?:全?(?:国|省|市|县|区|镇|乡|街道|村)|总)?平均(?:数|值|水平)?|总数|合|计|total|subtotal|sum)(?:\(.*\))?"
)
_NOTE = re.compile(
    r"(?:注\d*|备注|说明|附注|填表说明|填报说明|指标解释|数据来源|资料来源|来源|提示|要求|(?:单位|统计|填表|填报|审核|制表|部门|分管|主管)?"
    r"(?:负责人|领导|审核人|审批人|复核人|填表人|填报人|制表人|经办人|联系人)|联系电话|电话|报出日期|填报日期|填表日期|制表日期|上报日期|报送日期|"
    r"填报单位|填表单位|填报单位\(盖章\)|单位\(盖章\)|盖章|日期|审核|制表|复核)(?:\(.*?\))?[::].*"
)
_NOTE_OPENING = re.compile(r"(?:注|说明|备注|附注)(?:\d|[::;、.]|$)")
_CAPTION = re.compile(r"[^::]{1,12}[::].*")
_UNIT_CAPTION = re.compile(r"(?:计量|数据|金额|面积|人口)?单位(?:名称)?[::](?P<unit>[^::]{1,20})$")
_COLUMN_NUMBER = re.compile(r"[甲乙丙丁戊]|\(?\d{1,3}\)?|[a-f]")
_NOT_THIS_PERIOD = re.compile(
    r"上年.*|去年.*|上期.*|上月.*|上季.*|同比.*|环比.*|比上年.*|比去年.*|增长.*|增减.*|增幅.*|上年同期.*|计划.*|目标.*|任务.*|预计.*"
)

TOTAL_HEADINGS = frozenset("合计 总计 小计 计 总数 共计 全部 总量 总人数 总面积".split())  # noqa: SIM905


def roles_of(heading: str, frequency: Frequency) -> frozenset[Role]:
    """What a heading may be besides an element: several where a word has several uses (单位), none where it is unknown."""
    bare = undecorated(heading)
    found = _BY_WORD.get(bare)
    if found is None and frequency == "event" and bare in _EVENT_DATES:
        return frozenset({"period"})
    if found is None:
        rest = brackets_off(bare)
        if rest is not None:
            found = _BY_WORD.get(rest[0])
            if found is None and frequency == "event" and rest[0] in _EVENT_DATES:
                return frozenset({"period"})
    return found or frozenset()


def level_of_heading(heading: str) -> Level | None:
    """The level of region that a name column is about (村 → village), or None for a word such as 单位名称."""
    bare = undecorated(heading)
    if bare.startswith(("单位", "填报", "报送", "行政区")) and "村" not in bare:
        return None
    for level, signs in _LEVEL_WORDS:
        if any(sign in bare for sign in signs):
            return level
    return None


def is_total(text: str) -> bool:
    """Whether a cell marks a row of totals: 合 计, 小计, 全市合计, 街道小计."""
    return _TOTAL.fullmatch(undecorated(text)) is not None


def is_note(text: str) -> bool:
    """Whether a row that begins with ``text`` is a footnote or a line for signatures."""
    bare = undecorated(text)
    return _NOTE.fullmatch(bare) is not None or _NOTE_OPENING.match(bare) is not None


def is_caption(text: str) -> bool:
    """Whether a cell above a table is a caption such as 填报单位：某局, and not a heading."""
    return _CAPTION.fullmatch(half_width(text)) is not None


def caption_unit(text: str) -> str | None:
    """The unit that a caption gives to the whole table: «单位：万元»; None if it gives none."""
    match = _UNIT_CAPTION.search(half_width(text).removeprefix("(").removesuffix(")"))
    return match["unit"] if match is not None else None


def is_column_number(text: str) -> bool:
    """Whether a cell is of the row that statistical forms put under their headings: 甲 乙 1 2 3."""
    return _COLUMN_NUMBER.fullmatch(undecorated(text)) is not None


def speaks_of_another_figure(heading: str) -> bool:
    """Whether a group heading says that what is below it is not the figure of this period: 上年同期, 同比增长."""
    return _NOT_THIS_PERIOD.fullmatch(undecorated(heading)) is not None
