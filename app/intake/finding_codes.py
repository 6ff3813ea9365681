"""Every kind of finding, with what it means: the same table serves the reading, the reference documentation and the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from app.errors import Severity


class FindingCode(NamedTuple):
    """One kind of finding: how grave it is as a rule, and what it means, Chinese first."""

    severity: Severity
    title: str
    title_en: str


def _error(title: str, title_en: str) -> FindingCode:
    return FindingCode("error", title, title_en)


def _warning(title: str, title_en: str) -> FindingCode:
    return FindingCode("warning", title, title_en)


FINDING_CODES: Mapping[str, FindingCode] = {
    # the file and its tables
    "no_table": _error("没有找到可识别的表格", "No table could be recognised"),
    "hidden_sheet": _warning("隐藏的工作表未读取", "A hidden sheet was not read"),
    "sheet_passed_over": _warning(
        "没有可识别表格的工作表已跳过", "A sheet without a recognisable table was passed over"
    ),
    "hidden_row": _warning("隐藏的行也已读取", "A hidden row was read as well"),
    "row_passed_over": _warning("不是数据的行已跳过", "A row that holds no data was passed over"),
    "other_dataset": _error("这是另一个数据集的模板", "The file is the template of another dataset"),
    # columns and headings
    "unknown_column": _error("不认识的列，其下有数据", "A column is not known, and there is data below it"),
    "empty_column": _warning("不认识的空列已跳过", "An unknown column without data was passed over"),
    "ambiguous_column": _error("表头可指多个数据项", "A heading may mean several elements"),
    "duplicate_column": _error("同一数据项有多列", "Two columns are for one element"),
    "heading_context": _warning("表头在另一数据项之下，请核对", "A heading stands below another element; please check"),
    "unknown_unit": _error("不认识的计量单位", "A unit of measure is not known"),
    "unit_mismatch": _error("计量单位与数据项不符", "A unit of measure does not fit the element"),
    # whose row it is, and of when
    "missing_region_column": _error("没有区划列，也没有给出区划", "No column names the region, nor does the request"),
    "missing_region": _error("该行没有写明区划", "The row names no region"),
    "unknown_region": _error("没有这个区划", "There is no such region"),
    "ambiguous_region": _error("名称可指多个区划", "A name may mean several regions"),
    "region_mismatch": _error("区划代码与名称不一致", "Region code and name disagree"),
    "wrong_level": _error("区划层级与数据集不符", "The region is not of the dataset's level"),
    "other_region": _error("该行的区划不在所提交的区划之内", "The row's region is outside the one the request names"),
    "forbidden_region": _error("无权填报该区划", "The caller may not write for this region"),
    "missing_period": _error("没有写明期间", "The period is nowhere given"),
    "bad_period": _error("期间写法有误", "A period is not of the right form"),
    "wrong_frequency": _error("期间的频度与数据集不符", "A period is not of the dataset's frequency"),
    "other_period": _error("该行的期间与所提交的期间不同", "The row's period is not the one the request names"),
    "period_in_title": _warning("标题中的年份与所提交的期间不同", "The title names another year than the request"),
    "missing_key": _error("缺少关键项", "A key element is missing"),
    "duplicate_record": _error("重复的记录", "The same record is given twice"),
    "bad_row": _error("该行不是对象", "A row is not an object"),
    "unreadable_row": _error("看不懂的行", "A row could not be understood"),
    # values
    "error_value": _error("单元格是错误值或未计算的公式", "The cell is an error or a formula never calculated"),
    "merged_value": _error("合并单元格的值不知属于哪一行", "It is not clear which row a merged value belongs to"),
    "not_a_number": _error("不是数", "Not a number"),
    "approximate": _error("约数不能作为数值", "An approximation is no figure"),
    "scientific": _error("科学计数法已丢失位数", "Scientific notation has lost digits"),
    "digits_lost": _error("长数字按数值保存，末位已丢失", "A long number was stored as a number and has lost digits"),
    "too_large_number": _error("数太大或小数位过多", "A number is too large or has too many digits"),
    "not_integer": _error("应为整数", "Not a whole number"),
    "out_of_range": _error("超出允许范围", "Out of range"),
    "not_a_date": _error("不是日期", "Not a date"),
    "not_a_boolean": _error("应为是或否", "Neither yes nor no"),
    "not_text": _error("应为文字", "Not a text"),
    "unknown_code": _error("不在代码表中", "Not in the code list"),
    "pattern": _error("不符合规定格式", "Not of the required form"),
    "unknown_element": _error("数据集没有这个数据项", "The dataset has no such element"),
    # a file in the layout of a view
    "not_reversible": _warning("该列不能读回，已跳过", "A column of the view does not read back and was passed over"),
    "constant_differs": _warning("与视图的常量不同，已跳过", "A cell differs from the view's constant"),
    "ambiguous_value": _warning(
        "可能表示缺失的值，未改变已有数据", "A value that may stand for missing changed nothing"
    ),
    "blank_kept": _warning("空白格未改变已有数据", "Blank cells of a view's layout changed nothing"),
    "columns_disagree": _error("同一数据项的两列不一致", "Two columns of one element differ"),
    "several_datasets": _error(
        "文件中的字段属于多个数据集，须指明一个", "The fields rest on several datasets: name one"
    ),
    "view_without_key": _error("视图没有数据集的关键项", "The view lacks a key element of the dataset"),
    # the record as it would be held
    "required": _error("必填项缺失", "A required figure is missing"),
    "check_failed": _error("未通过检查规则", "A check of the dataset failed"),
}
"""Codes of findings. A check carries its own severity; all others have the one given here."""
