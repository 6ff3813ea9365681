"""How large a workbook may be, and the refusals that all readers share.

The limits keep a hostile file from costing more than a second or two and a few hundred megabytes; a county's figures
stay far below them.
"""

from __future__ import annotations

from app.errors import Problem

MAX_FILE_BYTES = 64 << 20
MAX_INFLATED_BYTES = 256 << 20
MAX_PARTS = 4_000
MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_CELLS = 6_000_000
MAX_SHEETS = 200
MAX_MERGES = 50_000
MAX_ERRORS = 100_000
MAX_PERCENTS = 1_000_000


def unsupported(reason: str, reason_en: str) -> Problem:
    """The refusal of a file of another kind than those that are read."""
    return Problem("unsupported_media_type", f"{reason}（{reason_en}）")


def damaged(reason: str, reason_en: str) -> Problem:
    """The refusal of a file that is of a known kind but cannot be read to its end."""
    return Problem("bad_request", f"{reason}（{reason_en}）")


def too_large(reason: str, reason_en: str) -> Problem:
    """The refusal of a file beyond the limits."""
    return Problem("too_large", f"{reason}（{reason_en}）")


def check_marks(errors: int, percents: int) -> None:
    """Refuses a sheet with more error cells, or cells shown as per cents, than are kept. Raises Problem."""
    if errors > MAX_ERRORS or percents > MAX_PERCENTS:
        raise too_large("工作表中的错误值或百分比单元格太多", "a sheet has too many error or per cent cells")


def check_extent(sheet: str, rows: tuple[int, int], columns: tuple[int, int]) -> None:
    """Refuses a sheet whose cells with content (first and last row and column, from 1) span too much. Raises Problem."""
    if rows[1] > MAX_ROWS or columns[1] > MAX_COLUMNS or rows[0] < 1 or columns[0] < 1:
        raise damaged(
            f"工作表“{sheet}”的行号或列号超出表格的范围，文件可能已损坏",
            f"sheet {sheet!r} has cells beyond row {MAX_ROWS} or column {MAX_COLUMNS}",
        )
    area = (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1)
    if area > MAX_CELLS:
        raise too_large(
            f"工作表“{sheet}”的数据区域太大（{area}格，至多{MAX_CELLS}格），请删除远处的多余内容或分成多个文件",
            f"sheet {sheet!r} spans {area} cells; at most {MAX_CELLS}",
        )
