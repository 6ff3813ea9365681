"""A department's form filled from the registry: the records it may read, in its own workbook or a plain one."""

from __future__ import annotations

from dataclasses import replace

import orjson

from app.errors import Problem
from app.formats.form_filling import FormContent, filled_form, period_words, plain_form
from app.formats.form_workbook import FormBinding
from app.formats.writing import FORMATS
from app.mapping.plan import OutputField
from app.policy.callers import Caller
from app.services.answered import answered
from app.services.answers import Answer, entity_tag, matches
from app.services.auditing import Auditing, Reading
from app.services.coverage import region_expression
from app.services.frame_digests import frame_digest
from app.services.limits import Limits
from app.services.mapped import MappedViews, mapped_state
from app.services.questions import Span, period_expression, read_periods, read_regions
from app.services.registry import Registry
from app.services.view_drafts import coming_end
from app.services.visible_views import require_coverage, visible_view
from app.store import form_templates

PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_LAYOUT = "1"  # part of every entity tag: changes when a form of the same content is written in another way


class ViewFormReader:
    """Fills forms: with the same permission, coverage and witness as reading the records."""

    def __init__(self, registry: Registry, views: MappedViews, auditing: Auditing) -> None:
        self._registry = registry
        self._views = views
        self._auditing = auditing

    def fill(
        self,
        caller: Caller,
        code: str,
        period: str | None,
        region: str | None,
        if_none_match: str | None,
        request_id: str,
    ) -> Answer:
        """The form of a view for periods and regions, audited before the first byte. Raises Problem when refused."""
        registry = self._registry
        state, today = registry.state(), registry.today()
        view = visible_view(state, caller, code, today)
        limits = Limits(registry, state, caller, view.agreements)
        spans = read_periods(period, view.spec.frequency)
        codes = read_regions(region)
        require_coverage(view, state, codes, spans, today)
        shown = mapped_state(registry, self._views, state, code, str(view.version), view.plan, view.scope, today)
        frame = shown.mapped.frame
        if spans is not None:
            frame = frame.filter(period_expression(spans))
        if codes is not None:
            frame = frame.filter(region_expression(codes, frame, view.spec.frequency, state.regions, today))
        content = FormContent(view.spec.title, _words(spans), shown.mapped.fields, frame)
        with registry.database.read() as cx:
            form = form_templates.latest(cx, code)
            bound = form if form is not None and form.digest is not None else None
            etag = _etag(content, bound)
            # Nothing is filled that the reader has already.
            fresh = matches(if_none_match, etag)
            template = form_templates.file(cx, bound.digest or "") if bound is not None and not fresh else None
        kind = FORMATS["xlsx"]
        name = "-".join(part for part in (code, _safe(period)) if part)
        headers = {
            **PRIVATE,
            **coming_end(state, view),
            "ETag": etag,
            "Township-View-Version": str(view.version),
            "Content-Disposition": f'attachment; filename="{name}.{kind.extension}"',
        }
        if fresh:
            answer = Answer(304, kind.media_type, headers=headers)
        else:
            body = _filled(content, template, bound)
            answer = Answer(200, kind.media_type, body, headers=headers, rows=frame.height)
        question = {key: value for key, value in (("period", period), ("region", region)) if value is not None}
        reading = Reading(caller, "form", code, view.version, question, view.agreements, state.epoch, request_id)
        if not fresh:
            told = answered([field.name for field in shown.mapped.fields], frame, view.spec.frequency)
            reading = replace(reading, answered=told)
        limits.settle(answer)
        answer.finish = self._auditing.begin(reading)
        return answer


def _filled(content: FormContent, template: bytes | None, bound: form_templates.StoredForm | None) -> bytes:
    if template is None or bound is None:
        return plain_form(content)
    if bound.binding is None:
        raise Problem("internal", f"视图 {bound.view} 的表样没有绑定 (the form lacks its binding)")
    return filled_form(template, FormBinding.from_document(bound.binding), content)


def _etag(content: FormContent, bound: form_templates.StoredForm | None) -> str:
    # The workbook is a function of these, so their digest stands for its bytes.
    fields = [_told(field) for field in content.fields]
    form = [bound.digest, bound.binding] if bound is not None else None
    rows = content.frame.select([f"field:{field.name}" for field in content.fields])
    head = orjson.dumps([_LAYOUT, content.title, content.period, fields, form], option=orjson.OPT_SORT_KEYS)
    return entity_tag(head, frame_digest(rows))


def _told(field: OutputField) -> list[object]:
    return [field.name, field.title, field.kind, field.decimals, field.unit]


def _words(spans: tuple[Span, ...] | None) -> str:
    if spans is None:
        return ""
    return "、".join(
        period_words(span.start) if span.start == span.end else f"{period_words(span.start)}至{period_words(span.end)}"
        for span in spans
    )


def _safe(period: str | None) -> str:
    return "".join(sign for sign in period or "" if sign.isascii() and (sign.isalnum() or sign in "-_."))
