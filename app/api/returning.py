"""When a submission is answered with the clerk's own workbook instead of JSON."""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import quote

from app.api.accepting import liking
from app.errors import Problem
from app.formats.reading import MEDIA_TYPES
from app.services.submit import SubmissionRequest


def wants_workbook(accept: str | None, asked: SubmissionRequest) -> bool:
    """Whether ``Accept`` likes an xlsx best. Raises 406 where nothing else is accepted and there is none to give."""
    if not accept or not accept.strip():
        return False
    xlsx, json = liking(MEDIA_TYPES["xlsx"], accept), liking("application/json", accept)
    problem = liking("application/problem+json", accept)
    if asked.mode == "check" and asked.data is not None:
        return xlsx > 0 and xlsx > json
    if xlsx > 0 and json <= 0 and problem <= 0:
        raise Problem(
            "not_acceptable",
            "只有以 mode=check 提交文件时才返回标注后的工作簿 (a workbook comes back for a file sent with mode=check)",
        )
    return False


def attachment(filename: str | None) -> str:
    """The ``Content-Disposition`` of the workbook that comes back: 人口.csv as 人口-核对.xlsx."""
    stem = PurePath((filename or "").replace("\\", "/")).stem[:100] or "workbook"
    return f"attachment; filename=\"checked.xlsx\"; filename*=UTF-8''{quote(f'{stem}-核对.xlsx', safe='')}"
