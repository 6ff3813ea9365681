"""The options of a field in a view's document: one small object each.

The reader of documents takes the known keys from here, and so does the reference documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a field."""

    key: str
    description: str
    description_en: str
    example: str


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
        '代码对照：规范代码到部门代码；真假值的键为 "true" 和 "false"；没有写目标的读作缺失',
        "canonical code to the department's; a code without a target reads as missing",
        '{"true": "Y", "false": "N"}',
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
)

OPTIONS: Mapping[str, Option] = {option.key: option for option in _TABLE}
