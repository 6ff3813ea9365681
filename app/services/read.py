"""A department reads its view: gate, snapshots, mapping, selection, format."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import polars as pl

from app.errors import Problem
from app.formats.paging import Page, page
from app.formats.selection import SortKey, parse_fields, parse_filters, parse_sort, select
from app.formats.writing import FORMATS, Format, json_records
from app.formats.writing_annotated import annotated_records
from app.mapping.plan import OutputField
from app.policy import gate
from app.policy.callers import Caller
from app.services.annotations import Note, check_annotated, notes_of
from app.services.answered import answered
from app.services.answers import PRIVATE, Answer, entity_tag
from app.services.as_of import view_as_of
from app.services.auditing import Auditing, Reading
from app.services.coverage import region_expression
from app.services.deliveries import Deliveries, Wanted, answer_key, etag_of_rows, large
from app.services.frame_digests import frame_digest
from app.services.in_pieces import Overview, ViewInPieces, may_go_in_pieces
from app.services.kept_answers import KeptAnswers, Told
from app.services.kept_pages import KeptPages, Opened, around
from app.services.limits import Limits
from app.services.mapped import MappedState, MappedViews, SeenBefore, mapped_key, mapped_state
from app.services.naming import StateNames
from app.services.questions import LARGEST_PAGE, PAGE, Question, Span, period_expression, read_periods, read_regions
from app.services.receipts import Asked, Receipts
from app.services.registry import Registry, State
from app.services.rendered import RenderedRecords
from app.services.row_by_row import Stretch
from app.services.view_drafts import coming_end
from app.services.visible_views import VisibleView, require_coverage, visible_view


@dataclass(frozen=True)
class Chosen:
    """The rows and fields a question asks for, in its order, before any page is cut.

    ``notes``, where the question asks for them, gives what is said beside the records of some of the rows; ``remarks``
    are about the regions of a view that carries figures to the present ones, and rest on nothing that is held.
    """

    frame: pl.DataFrame
    fields: Sequence[OutputField]
    sort: Sequence[SortKey]
    notes: Callable[[pl.DataFrame], list[Note]] | None = None
    remarks: Sequence[str] = ()
    whole: str | None = None
    """The digest of the mapped frame, where all of its rows and fields are asked for in its own order."""
    parts: Sequence[Stretch] = ()
    """The stretches of the mapped frame."""

    def annotated(self, frame: pl.DataFrame) -> Iterator[bytes] | None:
        """The records of ``frame`` with their notes, one object each; None where no notes were asked for."""
        return annotated_records(self.fields, frame, self.notes(frame)) if self.notes else None


class ViewReader:
    """Answers questions to views. One for each process; holds what was mapped before."""

    def __init__(self, registry: Registry, views: MappedViews, names: StateNames, auditing: Auditing) -> None:
        self._registry = registry
        self._views = views
        self._names = names
        self._auditing = auditing
        self._receipts = Receipts(registry)
        self.pages = KeptPages()
        self.rendered = RenderedRecords(registry.settings.rendered_memory_bytes)
        views.in_place.append(self.rendered.carry)
        self._deliveries = Deliveries(KeptAnswers(registry.answers_folder, registry.settings.answers_disk_bytes))

    def read(
        self,
        caller: Caller,
        code: str,
        question: Question,
        wanted: Wanted,
        request_id: str,
        receipt_of: Asked | None = None,
        seen_as: Caller | None = None,
    ) -> Answer:
        """The records of a view, audited before the first byte. Raises Problem for everything that is refused.

        With ``receipt_of`` an answer of 200 carries a receipt, and is made whole before it is sent. With ``seen_as``
        the answer is that department's, to the byte; the audit has it under the caller's own name.
        """
        wanted = replace(wanted, known_first=receipt_of is not None)
        answer, reading = self._answered(caller, code, question, wanted, request_id, seen_as)
        try:
            return self._witnessed(answer, reading, receipt_of)
        except BaseException:
            answer.abandon()
            raise

    def has_at_once(self, caller: Caller, code: str, question: Question) -> bool:
        """Whether the answer is a few rows of what is in memory already, so that ``read_at_once`` gives it quickly."""
        if question.region is None or question.as_of is not None or question.cursor is not None or question.annotated:
            return False
        state = self._registry.state()
        today = self._registry.today()
        try:
            view = visible_view(state, caller, code, today)
            codes, spans = read_regions(question.region), read_periods(question.period, view.spec.frequency)
        except Problem:
            return False
        key = mapped_key(state, code, str(view.version), view.plan, view.scope, today)
        shown = self._views.held(key)
        if shown is None or codes is None:
            return False
        return shown.places.rows(codes, spans, view.spec.places_by, state.regions, today) is not None

    def read_at_once(
        self, caller: Caller, code: str, question: Question, wanted: Wanted, request_id: str
    ) -> tuple[Answer, Reading]:
        """As ``read``, without the witness: the answer may be given when the reading stands in the audit."""
        return self._answered(caller, code, question, wanted, request_id, None)

    def _answered(
        self,
        caller: Caller,
        code: str,
        question: Question,
        wanted: Wanted,
        request_id: str,
        seen_as: Caller | None,
    ) -> tuple[Answer, Reading]:
        """The answer and what the audit has to say of it before it is given."""
        asker, caller = caller, seen_as or caller
        state = self._registry.state()
        today = self._registry.today()
        view = visible_view(state, caller, code, today)
        # Looking at what a department sees uses up nothing of what it may ask.
        limits = Limits(self._registry, state, caller, view.agreements if seen_as is None else ())
        _check_limit(question)
        position = self._position(question)
        asked = position.state if position is not None else question.as_of
        view, state, today = view_as_of(self._registry, self._names, caller, view, state, asked)
        outputs = view.plan.outputs
        filters = parse_filters(question.filters, outputs)
        sort = parse_sort(question.sort, outputs)
        fields = parse_fields(question.fields, outputs)
        spans = read_periods(question.period, view.spec.frequency)
        codes = read_regions(question.region)
        require_coverage(view, state, codes, spans, today)
        version = str(view.version)
        form = FORMATS[question.format]
        mapped = partial(mapped_state, self._registry, self._views, state, code, version, view.plan, view.scope, today)
        key = mapped_key(state, code, version, view.plan, view.scope, today)
        pieces = None
        if may_go_in_pieces(question) and self._views.held(key) is None:
            pieces = ViewInPieces(self._registry, state, code, version, view.plan, view.scope, today)
        known = self._views.seen(key) or self._overview(pieces, key) or mapped()
        name = self._names.name(caller, view, state.epoch, known)
        answer = place = None
        if not question.annotated:
            # What was answered of this state before is answered again: of figures nothing is looked at.
            place = _place(name, view, state, question, today)
            before = self._deliveries.unchanged if question.format == "json" else self._deliveries.again
            answer = before(place, form, wanted)
        if answer is None and pieces is not None and not isinstance(known, MappedState) and pieces.is_large():
            answer = self._large(view, name, pieces, known, form, wanted, place or "")
        if answer is None:
            shown = known if isinstance(known, MappedState) else mapped()
            frame = _asked_for(shown, codes, spans, view, state, today)
            rows, fields = select(replace(shown.mapped, frame=frame), filters, sort, fields)
            notes: Callable[[pl.DataFrame], list[Note]] | None = None
            if question.annotated:
                check_annotated(question, fields)
                notes = partial(notes_of, self._registry, state, view, today, question, fields)
            whole = shown.digest if rows is shown.mapped.frame and question.fields is None else None
            chosen = Chosen(rows, fields, sort, notes, shown.mapped.notes, whole, shown.parts)
            made = self._page if question.format == "json" else self._whole
            answer = made(view, name, chosen, question, position, wanted, place)
        answer.headers = {**answer.headers, **coming_end(state, view)}
        reading = Reading(
            asker if seen_as is None else replace(asker, department=seen_as.department),
            "read" if seen_as is None else "read-as",
            code,
            view.version,
            question.document(),
            view.agreements,
            state.epoch,
            request_id,
            snapshot=name,
            answered=answer.answered,
        )
        if answer.status == 206:  # which part it was
            reading = replace(reading, question={**reading.question, "range": answer.headers["Content-Range"]})
        limits.settle(answer)
        return answer, reading

    def read_as(
        self, caller: Caller, department: str, code: str, question: Question, wanted: Wanted, request_id: str
    ) -> Answer:
        """What a department would be answered, given to an administrator. Raises as ``read`` does, and 403."""
        seen_as = gate.department_in_sight(gate.permit_administration(caller), department)
        return self.read(caller, code, question, wanted, request_id, seen_as=seen_as)

    def _witnessed(self, answer: Answer, reading: Reading, receipt_of: Asked | None) -> Answer:
        # Durable before the first byte leaves: an answer that cannot be witnessed is not given.
        if receipt_of is None or answer.status != 200:
            answer.finish = self._auditing.begin(reading)
            return answer
        spooled = self._receipts.spooled(answer)
        reading = replace(reading, digest=spooled.sha256)
        answer.finish, place = self._auditing.witness(reading)
        told = self._receipts.headers(receipt_of, spooled, reading, place)
        answer.headers = {**answer.headers, **told}
        return answer

    def _position(self, question: Question) -> Opened | None:
        if question.cursor is None:
            return None
        opened = self._registry.sealer.open("page", question.cursor)
        if opened["q"] != question.digest():
            raise Problem("bad_cursor", "游标属于另一个查询 (the cursor belongs to another question)")
        return Opened(opened["s"], opened["p"], opened.get("o"))

    def _next(self, name: str, question: Question, cut: Page) -> str | None:
        if cut.position is None:
            return None
        return self._registry.sealer.seal(
            "page", {"s": name, "q": question.digest(), "p": cut.position, "o": cut.offset}
        )

    def _page(
        self,
        view: VisibleView,
        name: str,
        chosen: Chosen,
        question: Question,
        opened: Opened | None,
        wanted: Wanted,
        place: str | None,
    ) -> Answer:
        cut = page(chosen.frame, chosen.sort, question.limit or PAGE, opened.start(name) if opened else 0)
        beside: dict[str, object] = {"count": chosen.frame.height} if question.count else {}
        if chosen.remarks:
            beside["notes"] = list(chosen.remarks)
        head, tail = around(view.spec.code, view.version, name, beside, self._next(name, question, cut))
        body = b"".join((head, self._records(chosen, cut), tail))
        headers = {**PRIVATE, "ETag": entity_tag(body), "Township-Snapshot": name}
        said = answered([field.name for field in chosen.fields], cut.frame, view.spec.frequency)
        form = FORMATS["json"]
        told = Told(headers["ETag"], headers, cut.frame.height, said, large(len(body), form))
        answer = self._deliveries.page(place, form, told, body, wanted)
        if chosen.whole is not None and not (question.annotated or question.count or question.as_of):
            key = (*around(view.spec.code, view.version, name, beside, None), question.limit, question.cursor)
            digest = self.pages.note(key, cut, chosen.frame.height, tail, body, told)
            if answer.status == 200:
                answer.sha256, answer.length = lambda: digest, len(body)
        return answer

    def _records(self, chosen: Chosen, cut: Page) -> bytes:
        """The records of a page, as a JSON array."""
        annotated = chosen.annotated(cut.frame)
        if annotated is not None:
            return b"[" + b",".join(annotated) + b"]"
        if chosen.whole is None:
            return json_records(chosen.fields, cut.frame)
        end = chosen.frame.height if cut.offset is None else cut.offset
        start = end - cut.frame.height
        return self.rendered.array(chosen.whole, chosen.fields, chosen.frame, start, cut.frame.height)

    def _overview(self, pieces: ViewInPieces | None, key: Hashable) -> Overview | None:
        if pieces is None or not pieces.is_large():
            return None
        found = pieces.overview()
        self._views.remember(key, found)
        return found

    def _large(
        self,
        view: VisibleView,
        name: str,
        pieces: ViewInPieces,
        known: SeenBefore,
        form: Format,
        wanted: Wanted,
        place: str,
    ) -> Answer:
        """As ``_whole``, of a view that is never in memory as a whole."""
        overview = known if isinstance(known, Overview) else pieces.overview()
        headers, rows, said = _headers(view, name, form), overview.rows, overview.answered
        if rows <= _AT_ONCE:  # how much is held besides must not show
            body = b"".join(pieces.written(form, overview))
            told = Told(entity_tag(body), headers, rows, said, large(len(body), form))
            return self._deliveries.whole(place, form, told, body, wanted)
        told = Told(etag_of_rows(form.name, view.plan.outputs, overview.digest), headers, rows, said, True, True)
        return self._deliveries.first(place, form, told, lambda *_: pieces.written(form, overview), wanted)

    def _whole(
        self,
        view: VisibleView,
        name: str,
        chosen: Chosen,
        question: Question,
        opened: Opened | None,
        wanted: Wanted,
        place: str | None,
    ) -> Answer:
        form = FORMATS[question.format]
        start = opened.start(name) if opened else 0
        cut = page(chosen.frame, chosen.sort, question.limit or max(1, chosen.frame.height), start)
        frame = cut.frame
        headers = _headers(view, name, form)
        following = self._next(name, question, cut)
        if following is not None:
            headers["Township-Next"] = following
        if question.count:
            headers["Township-Count"] = str(chosen.frame.height)
        said = answered([field.name for field in chosen.fields], frame, view.spec.frequency)
        annotated = chosen.annotated(frame)
        if annotated is None and place is not None and frame.height > _AT_ONCE:
            told = Told(_etag_of_stream(form.name, chosen, frame), headers, frame.height, said, True, True)
            # The digests of the stretches are of the whole frame, so they tell nothing of a part of it.
            parts = chosen.parts if chosen.whole is not None and frame.height == chosen.frame.height else ()
            kind = (view.spec.code, view.version, view.scope.fingerprint)
            make = partial(self._deliveries.lines, kind, place, form, chosen.fields, frame, parts)
            return self._deliveries.first(place, form, told, make, wanted)
        pieces = form.write(chosen.fields, frame) if annotated is None else (record + b"\n" for record in annotated)
        body = b"".join(pieces)
        told = Told(entity_tag(body), headers, frame.height, said, large(len(body), form))
        return self._deliveries.whole(place, form, told, body, wanted)


def _headers(view: VisibleView, name: str, form: Format) -> dict[str, str]:
    return {
        **PRIVATE,
        "Township-Snapshot": name,
        "Township-View-Version": str(view.version),
        "Content-Disposition": f'attachment; filename="{view.spec.code}.{form.extension}"',
    }


def _etag_of_stream(name: str, chosen: Chosen, frame: pl.DataFrame) -> str:
    """The bytes are a function of the fields and the frame, so their digest stands for the answer's."""
    if chosen.whole is not None and frame.height == chosen.frame.height:
        return etag_of_rows(name, chosen.fields, chosen.whole)
    shown = frame.select([f"field:{field.name}" for field in chosen.fields])
    return etag_of_rows(name, chosen.fields, frame_digest(shown).hex())


def _place(name: str, view: VisibleView, state: State, question: Question, today: date) -> str:
    """What an answer is found by when it is asked for again: all that it depends on, as its reader sees it."""
    fields = [[field.output.name, field.output.title, field.output.unit] for field in view.plan.fields]
    day = today.isoformat() if view.spec.places_by == "once" else None
    return answer_key(name, view.scope.fingerprint, [state.regions_revision, day, fields], question)


def _asked_for(
    shown: MappedState,
    codes: Sequence[str] | None,
    spans: Sequence[Span] | None,
    view: VisibleView,
    state: State,
    today: date,
) -> pl.DataFrame:
    """The rows in the regions and periods that were asked for; None asks for all."""
    frame = shown.mapped.frame
    if codes is not None:
        places = shown.places
        few = places.rows(codes, spans, view.spec.places_by, state.regions, today)
        if few is not None:
            return places.taken(few)
    if spans is not None:
        frame = frame.filter(period_expression(spans))
    if codes is not None:
        frame = frame.filter(region_expression(codes, frame, view.spec.places_by, state.regions, today))
    return frame


_AT_ONCE = 20_000  # rows up to which an answer is made whole, so that its digest is of its very bytes


def _check_limit(question: Question) -> None:
    if question.limit is None:
        return
    if question.limit < 1 or (question.format == "json" and question.limit > LARGEST_PAGE):
        raise Problem("bad_request", f"limit 应为 1 至 {LARGEST_PAGE} 的整数 (limit is from 1 to {LARGEST_PAGE})")
