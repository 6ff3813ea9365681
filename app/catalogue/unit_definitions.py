"""The built-in units of measure: one line a unit; adding one is adding a line.

A definition without ``of`` begins a dimension of its own (a counting unit converts into nothing but its own
multiples). With ``of``, one unit is ``factor`` of that expression, made of known units with ``·`` and ``/``.
``aliases`` are other spellings, after NFKC (㎡ and m² both arrive as ``m2``). ``prefixed`` says whether 十 百 千 万 亿
may stand before it: 万人 is 10,000 人, but 十月 is a month of the year and 百分 no unit, so those refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class UnitDefinition:
    """One unit as it is defined: ``code`` is ``factor`` × ``of``, or, without ``of``, a new counting unit."""

    code: str
    of: str | None = None
    factor: Fraction = Fraction(1)
    aliases: tuple[str, ...] = ()
    prefixed: bool = True
    approximate: bool = False


def _unit(
    code: str,
    of: str | None = None,
    factor: str = "1",
    aliases: str = "",
    *,
    prefixed: bool = True,
    approximate: bool = False,
) -> UnitDefinition:
    return UnitDefinition(code, of, Fraction(factor), tuple(aliases.split()), prefixed, approximate)


_MEASURES: tuple[UnitDefinition, ...] = (
    # length
    _unit("米", aliases="m M 公尺"),
    _unit("分米", "米", "1/10", "dm", prefixed=False),
    _unit("厘米", "米", "1/100", "cm 公分", prefixed=False),
    _unit("毫米", "米", "1/1000", "mm", prefixed=False),
    _unit("公里", "米", "1000", "km KM Km"),
    _unit("千米", "米", "1000"),
    _unit("华里", "米", "500", "里 市里"),
    _unit("海里", "米", "1852"),
    # area: 1 亩 is 10000/15 square metres, which no decimal can say
    _unit("平方米", "米·米", "1", "m2 m^2 平米 平方"),
    _unit("平方厘米", "厘米·厘米", "1", "cm2"),
    _unit("平方公里", "公里·公里", "1", "km2 km^2 KM2"),
    _unit("平方千米", "公里·公里"),
    _unit("公顷", "平方米", "10000", "hm2 hm^2 ha"),
    _unit("公亩", "平方米", "100"),
    _unit("亩", "公顷", "1/15", "市亩"),
    # volume
    _unit("立方米", "米·米·米", "1", "m3 m^3 立方 方"),
    _unit("升", "立方米", "1/1000", "L l 公升"),
    _unit("毫升", "立方米", "1/1000000", "mL ml", prefixed=False),
    # mass
    _unit("公斤", aliases="kg KG Kg"),
    _unit("千克", "公斤"),
    _unit("克", "公斤", "1/1000", "g"),
    _unit("毫克", "克", "1/1000", "mg", prefixed=False),
    _unit("微克", "克", "1/1000000", "μg ug", prefixed=False),
    _unit("斤", "公斤", "1/2", "市斤"),
    _unit("两", "斤", "1/10", prefixed=False),
    _unit("担", "公斤", "50"),
    _unit("吨", "公斤", "1000", "t T 公吨"),
    _unit("吨标准煤", aliases="吨标煤 tce"),
    # By convention 1 立方米 of water is 1 吨. 吨 itself does not convert to 立方米: who wants that names this unit.
    _unit("吨水", "立方米", approximate=True),
    # money
    _unit("元", aliases="圆 人民币元 CNY RMB"),
    _unit("角", "元", "1/10", prefixed=False),
    _unit("美元", aliases="USD"),
    # time: days and months do not convert into each other
    _unit("天", aliases="昼夜 d", prefixed=False),
    _unit("日", "天", prefixed=False),
    _unit("周", "天", "7", "星期", prefixed=False),
    _unit("小时", "天", "1/24", "时 h", prefixed=False),
    _unit("分钟", "小时", "1/60", "min", prefixed=False),
    _unit("秒", "小时", "1/3600", "s", prefixed=False),
    _unit("月", aliases="个月", prefixed=False),
    _unit("季", "月", "3", "季度", prefixed=False),
    _unit("年", "月", "12", prefixed=False),
    _unit("学时", prefixed=False),
    # power, energy, electricity
    _unit("瓦", aliases="W"),
    _unit("千瓦", "瓦", "1000", "kW KW"),
    _unit("兆瓦", "瓦", "1000000", "MW"),
    _unit("千瓦时", "千瓦·小时", "1", "kWh KWh kwh"),
    _unit("千伏", aliases="kV KV", prefixed=False),
    _unit("千伏安", aliases="kVA KVA"),
    # other quantities
    _unit("度", aliases="°", prefixed=False),
    _unit("摄氏度", aliases="°C", prefixed=False),
    _unit("分贝", aliases="dB", prefixed=False),
)

# (code, factor, aliases): numbers without a dimension
_PURE: tuple[UnitDefinition, ...] = (
    UnitDefinition("%", None, Fraction(1, 100), ("百分比",), prefixed=False),
    UnitDefinition("‰", None, Fraction(1, 1000), ("千分比",), prefixed=False),
    UnitDefinition("‱", None, Fraction(1, 10000), ("万分比",), prefixed=False),
    UnitDefinition("个百分点", None, Fraction(1, 100), ("百分点",), prefixed=False),
    UnitDefinition("个千分点", None, Fraction(1, 1000), ("千分点",), prefixed=False),
    UnitDefinition("成", None, Fraction(1, 10), (), prefixed=False),
    UnitDefinition("倍", None, Fraction(1), (), prefixed=False),
)

_COUNTED = """
人 名 位 户 家 个 件 起 处 座 栋 幢 间 套 所 台 张 条 项 株 棵 对 双 头 只 羽 匹 尾 口 盏 根 支 枚 块 片 门 辆 艘 架 部
份 本 册 卷 篇 期 场 次 例 宗 笔 单 批 组 队 班 届 类 种 级 层 段 具 床 床位 车 村 社区 站 眼 孔 粒 袋 箱 瓶 桶 盒 包
人次 户次 批次 车次 台次 件次 场次 班次 架次 艘次 例次 头次 只次 家次 台套 台班 工日 生
单元 标准箱 网格 岗位 机位 车位 学位
""".split()  # noqa: SIM905 - a list of words is read more easily than a list of strings

_COUNTED_WITHOUT_MULTIPLES = "岁 分 孔次".split()  # noqa: SIM905

_COUNTS: tuple[UnitDefinition, ...] = (
    *(UnitDefinition(code) for code in _COUNTED),
    *(UnitDefinition(code, prefixed=False) for code in _COUNTED_WITHOUT_MULTIPLES),
    _unit("头(只)", aliases="头/只 头、只"),
    _unit("周岁", "岁", prefixed=False),
)

PURE_DEFINITIONS = _PURE
DIMENSIONED_DEFINITIONS = _MEASURES + _COUNTS
