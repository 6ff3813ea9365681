"""The keys of a view's document and the options of its fields: one small object each.

The reader of documents takes the known keys from here, and so does the reference documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a view or a field."""

    key: str
    description: str
    description_en: str
    example: str


_VIEW_TABLE: tuple[Option, ...] = (
    Option("code", "视图的代码，写在地址里", "the code of the view, as in addresses", "ecology-rural"),
    Option("department", "读它的部门", "the department that reads it", "ecology"),
    Option("title", "视图的标题", "the title of the view", "农村环境整治台账"),
    Option(
        "grain", "一行是什么：层级和频度", "what a row is: level and frequency", "{level: township, frequency: year}"
    ),
    Option(
        "regions",
        "过去各期的数归到哪里：historical 当期的区划（默认），present 沿承继关系归到今天的区划",
        "where figures of past periods stand: under the regions of their period, or carried to those of today",
        "present",
    ),
    Option(
        "strict_codes",
        "true 时，代码对照漏写了目标又没有 otherwise 就不能保存",
        "true: a mapping of codes that leaves one without a target, and has no otherwise, is refused",
        "true",
    ),
    Option("fields", "字段，按次序", "the fields, in order", "[{name: dm, from: region.code}]"),
)

_TABLE: tuple[Option, ...] = (
    Option("name", "字段在部门一方的名称，任意文本，不重复", "the department's own name, any text, unique", "czrk_w"),
    Option("title", "字段的标题", "the title of the field", "常住人口"),
    Option(
        "from",
        "取自一个元素 dataset.element，或 region.code、region.name、region.level、region.parent、period",
        "one element, or an attribute of the region, or the period",
        "population.resident_population",
    ),
    Option("expr", "由元素算出的表达式", "an expression over elements", "land.paddy_area + land.dry_land_area"),
    Option("value", "常量：文本、数或真假值", "a constant: text, number or boolean", "统一采集"),
    Option("unit", "输出的计量单位，精确换算", "the unit of measure of the output, converted exactly", "万人"),
    Option(
        "decimals",
        "输出的小数位数；不写时同元素；有除法的表达式必须写",
        "decimals of the output; by default the element's; required of an expression that divides",
        "4",
    ),
    Option(
        "rounding",
        "舍入：half_up 四舍五入（默认），half_even 四舍六入五成双",
        "half_up (half away from zero, the default) or half_even",
        "half_even",
    ),
    Option(
        "codes",
        '代码对照：规范代码到部门代码；真假值的键为 "true" 和 "false"；没有写目标的见 otherwise',
        "canonical code to the department's; for a code without a target see otherwise",
        '{"true": "Y", "false": "N"}',
    ),
    Option(
        "otherwise",
        "codes 没有写目标的代码成为什么；不写或写 null 时读作缺失，保存时会提醒",
        "what a code without a target becomes; without it, or null, such a code is missing, and saving warns",
        '"其他"',
    ),
    Option(
        "default",
        "缺失时的值；没有共享协议覆盖的单元不填",
        "what a missing value becomes; never of an uncovered cell",
        "0",
    ),
    Option(
        "aggregate",
        "视图粒度比数据集粗时怎样汇总：sum、last、mean、min、max、count",
        "how records come to a coarser grain: sum, last, mean, min, max or count",
        "mean",
    ),
    Option(
        "complete",
        "required：汇总范围内每个区划、每一期都有数才给出，否则缺失；不写时有几个汇总几个",
        "required: an aggregate is missing unless every region and period of its group has a value",
        "required",
    ),
)

VIEW_OPTIONS: Mapping[str, Option] = {option.key: option for option in _VIEW_TABLE}

OPTIONS: Mapping[str, Option] = {option.key: option for option in _TABLE}
