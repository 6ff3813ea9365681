"""A multipart form with one file and a few texts, read the same way wherever one is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile

from app.errors import Problem
from app.services.writable_texts import refuse_unwritable

_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class FormParts:
    """What was sent: the file whole, and each text stripped, None where it is blank or not there."""

    texts: dict[str, str | None]
    filename: str
    data: bytes


async def read_parts(form: FormData, names: Sequence[str]) -> FormParts:
    """The part ``file`` and the texts ``names``. Problem for unknown parts, a missing file, or a text that is a file."""
    unknown = sorted(set(form.keys()) - {"file", *names})
    if unknown:
        raise Problem("unknown_parameter", f"不认识的表单项: {', '.join(unknown)} (unknown form parts)")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Problem("bad_request", "须上传一个文件，表单项名为 file (a part named file is needed)")
    texts: dict[str, str | None] = {}
    for name in names:
        value = form.get(name)
        if isinstance(value, UploadFile):
            raise Problem("bad_request", f"表单项 {name} 应为文字 (a text is needed)")
        texts[name] = value.strip() or None if value is not None else None
    refuse_unwritable([*texts.values(), file.filename])
    return FormParts(texts, (file.filename or "")[:_LONGEST_NAME], await file.read())
