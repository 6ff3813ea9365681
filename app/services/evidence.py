"""台账: files attached to what was reported, kept once, recognised when they come again, shown to whom they may be shown."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.errors import Problem
from app.formats.evidence_types import evidence_type
from app.intake.records import RecordKey
from app.policy import gate
from app.policy.callers import Caller
from app.policy.scopes import Permit
from app.services.answers import Answer, entity_tag
from app.services.auditing import Auditing, Reading
from app.services.directory import known_dataset
from app.services.evidence_access import EvidenceAccess, owner_of
from app.services.record_places import read_key, read_period, read_region, shown_place, within
from app.services.registry import Registry, State
from app.services.submissions import visible_submission
from app.store import evidence as kept
from app.store.evidence import EvidencePlace, StoredEvidence
from app.store.evidence_files import EvidenceFiles
from app.store.ids import new_id

_NONE = "没有这份佐证 (there is no such evidence)"
_MOST_LISTED = 1_000
_SCAN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Attaching:
    """What is attached to what: a record (dataset, region, period, key), a submission, or nothing yet (for a question)."""

    filename: str
    data: bytes
    dataset: str | None = None
    region: str | None = None
    period: str | None = None
    key: Mapping[str, str] | None = None
    elements: tuple[str, ...] | None = None
    submission: str | None = None


class Evidence:
    """The errands around files of evidence."""

    def __init__(self, registry: Registry, auditing: Auditing) -> None:
        self._registry = registry
        self._auditing = auditing
        self._files = EvidenceFiles(registry.settings.evidence_url, registry.settings.data_dir)

    def attach(self, caller: Caller, asked: Attaching) -> tuple[dict[str, Any], bool]:
        """Keep a file and attach it; gives its document and whether it is new to its owner.

        Raises 403, 404, 413 and 415. That somebody else has sent the same bytes is told to nobody.
        """
        state = self._registry.state()
        permit, place = self._place(state, caller, asked)
        self._check_size(asked.data)
        media_type = evidence_type(asked.data, asked.filename)
        self._scan(asked.data)
        digest = self._files.put(asked.data)
        owner = owner_of(caller)
        with self._registry.database.write() as write:
            found = kept.of_owner(write.connection, owner, digest)
            stored = found or StoredEvidence(
                new_id(), owner, digest, asked.filename, media_type, len(asked.data), write.now
            )
            if found is None:
                kept.insert(write, permit, stored)
            if place is not None:
                kept.attach(write, permit, EvidencePlace(stored.id, **place))
            document = self._document(state, caller, stored, kept.places(write.connection, [stored.id]))
        return document, found is None

    def listed(
        self, caller: Caller, dataset: str | None, region: str | None, period: str | None, key: Mapping[str, str],
        submission: str | None,
    ) -> dict[str, Any]:  # fmt: skip
        """The files attached to a record or a submission that the caller may see; without either, its own."""
        state = self._registry.state()
        with self._registry.database.read() as cx:
            if dataset is None and submission is None:
                if region or period or key:
                    raise Problem("bad_request", "须给出 dataset (a dataset is needed)")
                files = kept.owned(cx, owner_of(caller), _MOST_LISTED)
            elif submission is not None:
                if dataset is not None or region or period or key:
                    raise Problem("bad_request", "submission 与记录二者只能给其一 (a submission or a record, not both)")
                one = visible_submission(self._registry, state, caller, submission, cx)
                files = kept.get(cx, [p.evidence_id for p in kept.attached_to(cx, one.dataset, None, one.id)])
            else:
                found = known_dataset(state, caller, dataset or "")
                record = self._record(state, found, region, period, key)
                files = kept.get(cx, [p.evidence_id for p in kept.attached_to(cx, found.code, record)])
            places = kept.places(cx, [each.id for each in files])
            access = EvidenceAccess(self._registry, state, caller, cx)
            told = [(each, seen) for each in files if (seen := access.seen_places(each, places)) is not None]
        return {"evidence": [self._document(state, caller, each, seen) for each, seen in told]}

    def download(self, caller: Caller, identity: str, request_id: str) -> Answer:
        """The file itself, audited before it leaves; 404 also for one that the caller may not see."""
        state = self._registry.state()
        with self._registry.database.read() as cx:
            files = kept.get(cx, [identity])
            places = kept.places(cx, [identity])
            access = EvidenceAccess(self._registry, state, caller, cx)
            if not files or access.seen_places(files[0], places) is None:
                raise Problem("not_found", _NONE)
        file = files[0]
        data = self._files.get(file.sha256)
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-store",
            "ETag": entity_tag(data),
        }
        reading = Reading(caller, "evidence", identity, None, {"sha256": file.sha256}, (), state.epoch, request_id)
        answer = Answer(200, file.media_type, data, headers=headers, rows=1)
        answer.finish = self._auditing.begin(reading)
        return answer

    def _place(self, state: State, caller: Caller, asked: Attaching) -> tuple[Permit, dict[str, Any] | None]:
        """The right to attach it there, and the place as it is kept; None for a file of a question yet to be asked."""
        if asked.submission is not None:
            if asked.dataset or asked.region or asked.period or asked.key or asked.elements:
                raise Problem("bad_request", "submission 与记录二者只能给其一 (a submission or a record, not both)")
            with self._registry.database.read() as cx:
                one = visible_submission(self._registry, state, caller, asked.submission, cx)
            permit = gate.permit_evidence(caller, state.catalogue.datasets[one.dataset])
            return permit, {"dataset": one.dataset, "submission_id": one.id}
        if asked.dataset is None:
            if asked.region or asked.period or asked.key or asked.elements:
                raise Problem("bad_request", "须给出 dataset (a dataset is needed)")
            return gate.permit_evidence(caller, None), None
        dataset = known_dataset(state, caller, asked.dataset)
        permit = gate.permit_evidence(caller, dataset)
        region_id, ordinal, key = self._record(state, dataset, asked.region, asked.period, asked.key or {})
        period = Period(dataset.frequency, ordinal)
        if not within(state, permit.roots, region_id, period, self._registry.today()):
            raise Problem("forbidden", "该行政区划不在本人范围之内 (the region is not the caller's)")
        unknown = sorted(set(asked.elements or ()) - set(dataset.by_code))
        if unknown:
            raise Problem("bad_request", f"没有数据项: {', '.join(unknown)[:200]} (unknown elements)")
        place = {"dataset": dataset.code, "region_id": region_id, "period": ordinal, "key": key}
        return permit, {**place, "elements": asked.elements}

    def _record(
        self, state: State, dataset: Dataset, region: str | None, period: str | None, key: Mapping[str, str]
    ) -> RecordKey:
        when = read_period(dataset, period)
        region_id = read_region(state, region, when, self._registry.today())
        return region_id, when.ordinal, read_key(state, dataset, key)

    def _check_size(self, data: bytes) -> None:
        most = self._registry.settings.evidence_max_bytes
        if not data:
            raise Problem("bad_request", "文件是空的 (the file is empty)")
        if len(data) > most:
            raise Problem("too_large", f"佐证文件最大 {most} 字节 (at most {most} bytes)")

    def _scan(self, data: bytes) -> None:
        command = shlex.split(self._registry.settings.evidence_scanner)
        if not command:
            return
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command, no shell
                command, input=data, capture_output=True, timeout=_SCAN_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise Problem("unavailable", "查毒程序暂不可用 (the scanner is not available)") from fault
        if done.returncode != 0:
            raise Problem("unsupported_media_type", "文件没有通过查毒 (the scanner did not let it through)")

    def _document(
        self, state: State, caller: Caller, file: StoredEvidence, places: list[EvidencePlace]
    ) -> dict[str, Any]:
        return {
            "id": file.id,
            "filename": file.filename,
            "media_type": file.media_type,
            "size": file.size,
            "sha256": file.sha256,
            "at": file.at.isoformat() if file.at else None,
            "own": file.owner == owner_of(caller),
            "attached": [self._shown(state, place) for place in places],
        }

    def _shown(self, state: State, place: EvidencePlace) -> dict[str, Any]:
        dataset = state.catalogue.datasets.get(place.dataset)
        if dataset is None or place.record is None:
            return {"dataset": place.dataset, "submission": place.submission_id}
        region_id, ordinal, key = place.record
        return {
            "dataset": place.dataset,
            **shown_place(state, region_id, Period(dataset.frequency, ordinal), self._registry.today()),
            "key": dict(zip(dataset.key, key, strict=True)),
            "elements": list(place.elements) if place.elements is not None else None,
        }
