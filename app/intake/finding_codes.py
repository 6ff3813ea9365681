"""Every kind of finding, with what it means: the same table serves the reading, the reference documentation and the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from app.errors import Severity


class FindingCode(NamedTuple):
    """One kind of finding: how grave it is as a rule, what it means, Chinese first, and an example of what is found."""

    severity: Severity
    title: str
    title_en: str
    example: str = ""


def _error(title: str, title_en: str, example: str = "") -> FindingCode:
    return FindingCode("error", title, title_en, example)


def _warning(title: str, title_en: str, example: str = "") -> FindingCode:
    return FindingCode("warning", title, title_en, example)


FINDING_CODES: Mapping[str, FindingCode] = {
    # the file and its tables
    "no_table": _error("没有找到可识别的表格", "No table could be recognised", "表中没有任何表头是数据项"),
    "hidden_sheet": _warning("隐藏的工作表未读取", "A hidden sheet was not read", "隐藏的工作表“旧表”"),
    "sheet_passed_over": _warning(
        "没有可识别表格的工作表已跳过", "A sheet without a recognisable table was passed over", "工作表“填表说明”"
    ),
    "hidden_row": _warning("隐藏的行也已读取", "A hidden row was read as well", "筛选后隐藏的第 7 行"),
    "row_passed_over": _warning("不是数据的行已跳过", "A row that holds no data was passed over", "合计行、说明行"),
    "other_dataset": _error(
        "这是另一个数据集的模板", "The file is the template of another dataset", "用 land 的模板提交 population"
    ),
    # columns and headings
    "unknown_column": _error(
        "不认识的列，其下有数据", "A column is not known, and there is data below it", "列“颜色”，其下有数据"
    ),
    "empty_column": _warning(
        "不认识的空列已跳过", "An unknown column without data was passed over", "列“颜色”，其下全空"
    ),
    "ambiguous_column": _error("表头可指多个数据项", "A heading may mean several elements", "“合计”，上面没有分组"),
    "duplicate_column": _error(
        "同一数据项有多列", "Two columns are for one element", "“常住人口”与“年末常住人口”各一列"
    ),
    "heading_context": _warning(
        "表头在另一数据项之下，请核对", "A heading stands below another element; please check", "“面积”在“林地”之下"
    ),
    "unknown_unit": _error("不认识的计量单位", "A unit of measure is not known", "耕地面积（垧）"),
    "unit_mismatch": _error("计量单位与数据项不符", "A unit of measure does not fit the element", "耕地面积（人）"),
    # whose row it is, and of when
    "missing_region_column": _error(
        "没有区划列，也没有给出区划", "No column names the region, nor does the request", "只有“常住人口”一列"
    ),
    "missing_region": _error("该行没有写明区划", "The row names no region", "代码和名称都空着"),
    "unknown_region": _error("没有这个区划", "There is no such region", "430682999"),
    "ambiguous_region": _error("名称可指多个区划", "A name may mean several regions", "两个县都有的“城关镇”"),
    "region_mismatch": _error("区划代码与名称不一致", "Region code and name disagree", "430682005 与“忠防镇”"),
    "wrong_level": _error("区划层级与数据集不符", "The region is not of the dataset's level", "乡镇数据集中的县"),
    "other_region": _error(
        "该行的区划不在所提交的区划之内",
        "The row's region is outside the one the request names",
        "为甲镇提交，行中是乙镇",
    ),
    "forbidden_region": _error("无权填报该区划", "The caller may not write for this region", "邻县的乡镇"),
    "period_not_taken": _error("数据集不分期间", "The dataset takes no period", "为一次性数据集提交 2025"),
    "missing_period": _error("没有写明期间", "The period is nowhere given", "没有期间列，提交时也没有给出"),
    "bad_period": _error("期间写法有误", "A period is not of the right form", "2025-13"),
    "wrong_frequency": _error(
        "期间的频度与数据集不符", "A period is not of the dataset's frequency", "年度数据集中的 2025-03"
    ),
    "other_period": _error(
        "该行的期间与所提交的期间不同", "The row's period is not the one the request names", "提交 2025，行中是 2024"
    ),
    "period_in_title": _warning(
        "标题中的年份与所提交的期间不同",
        "The title names another year than the request",
        "标题“2024年人口表”，提交 2025",
    ),
    "missing_key": _error("缺少关键项", "A key element is missing", "隐患点没有编号"),
    "duplicate_record": _error("重复的记录", "The same record is given twice", "同一乡镇两行"),
    "bad_row": _error("该行不是对象", "A row is not an object", 'rows 中的 "x"'),
    "unreadable_row": _error("看不懂的行", "A row could not be understood", "指标名称看不懂的一行"),
    # values
    "error_value": _error(
        "单元格是错误值或未计算的公式", "The cell is an error or a formula never calculated", "#DIV/0!"
    ),
    "merged_value": _error(
        "合并单元格的值不知属于哪一行", "It is not clear which row a merged value belongs to", "一个数合并在三行上"
    ),
    "not_a_number": _error("不是数", "Not a number", "3万2千"),
    "approximate": _error("约数不能作为数值", "An approximation is no figure", "约一千"),
    "scientific": _error("科学计数法已丢失位数", "Scientific notation has lost digits", "4.3E+8"),
    "digits_lost": _error(
        "长数字按数值保存，末位已丢失",
        "A long number was stored as a number and has lost digits",
        "按数值保存的18位代码",
    ),
    "too_large_number": _error("数太大或小数位过多", "A number is too large or has too many digits", "19 位整数"),
    "not_integer": _error("应为整数", "Not a whole number", "10.5 人"),
    "out_of_range": _error("超出允许范围", "Out of range", "-5 人"),
    "not_a_date": _error("不是日期", "Not a date", "2024-2-30"),
    "not_a_boolean": _error("应为是或否", "Neither yes nor no", "已"),
    "not_text": _error("应为文字", "Not a text", "JSON 中的对象"),
    "unknown_code": _error("不在代码表中", "Not in the code list", "地势“高原”"),
    "pattern": _error("不符合规定格式", "Not of the required form", "邮政编码 14300"),
    "unknown_element": _error("数据集没有这个数据项", "The dataset has no such element", "JSON 中没有的键"),
    # a file in the layout of a view
    "not_reversible": _warning(
        "该列不能读回，已跳过", "A column of the view does not read back and was passed over", "视图中由公式算出的列"
    ),
    "constant_differs": _warning(
        "与视图的常量不同，已跳过", "A cell differs from the view's constant", "来源列写了别的"
    ),
    "ambiguous_value": _warning(
        "可能表示缺失的值，未改变已有数据", "A value that may stand for missing changed nothing", "视图的默认值 0"
    ),
    "blank_kept": _warning(
        "空白格未改变已有数据", "Blank cells of a view's layout changed nothing", "视图版式中的空格"
    ),
    "columns_disagree": _error(
        "同一数据项的两列不一致", "Two columns of one element differ", "同一数据项的公顷列与亩列"
    ),
    "several_datasets": _error(
        "文件中的字段属于多个数据集，须指明一个", "The fields rest on several datasets: name one", "视图跨人口与土地"
    ),
    "view_without_key": _error(
        "视图没有数据集的关键项", "The view lacks a key element of the dataset", "视图没有隐患点编号"
    ),
    # the record as it would be held
    "required": _error("必填项缺失", "A required figure is missing", "常住人口空着"),
    "check_failed_elsewhere": _warning(
        "与另一数据集已报的记录不符",
        "It does not go with a record held of another dataset",
        "各村人口之和 ≠ 乡镇已报的总人口",
    ),
    "check_failed": _error("未通过检查规则", "A check of the dataset failed", "男 + 女 ≠ 常住人口"),
    # right perhaps, but odd: only where the dataset's document asks
    "plausible_change": _warning("与上一期相差过大", "Far off from the period before", "上期 1000，本期 1600"),
    "plausible_last_year": _warning(
        "与上年同期相差过大", "Far off from the same period a year before", "上年同期 1000，本期 1400"
    ),
    "plausible_median": _warning(
        "与以往各期的中位数相差过大", "Far off from the median of earlier periods", "中位数 1000，本期 9000"
    ),
    "plausible_zero": _warning("上一期较大，本期为零", "Zero after a large figure", "上期 1200，本期 0"),
    "plausible_sign": _warning("与上一期正负号相反", "Of another sign than the period before", "上期 100，本期 -5"),
    "plausible_neighbours": _warning(
        "变化与相邻区划明显不同", "Its growth is unlike that of the regions beside it", "各镇增 1%，本镇增 50%"
    ),
}
"""Codes of findings. A check carries its own severity; all others have the one given here."""
