"""The registry as a party: filled through its own services, served as its users serve it, with everything on."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import xlsxwriter

from app.policy.callers import Caller
from app.services.apply import apply_folder
from app.services.credentials import create_credential
from app.services.registry import Registry
from app.services.submit import SubmissionRequest, submit
from app.settings import Settings
from bench.comparison.country import AREAS, DAY, ELEMENTS, Country, figures, period, reported, schema_folder
from bench.comparison.parties import Party
from bench.comparison.processes import Failed, Running
from bench.comparison.tables import PAGE

UPLOAD_MONTHS = 5
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Keys:
    """One for the department that reads, one for the clerk of the province."""

    department: str
    clerk: str


def fill(url: str, data: Path, country: Country, months: int, views: int) -> Keys:
    """A migrated, empty database becomes a registry with all records, each month one submission."""
    with Registry.open(Settings(database_url=url, data_dir=data)) as registry:
        plan = apply_folder(registry, schema_folder(country, views))
        if plan.faults:
            raise Failed("; ".join(map(str, plan.faults[:5])))
        regions = registry.state().regions
        holder = regions.holder(country.province, registry.today())
        clerk = Caller("region", "bench", "bench", region_id=holder, role="clerk")
        for month in range(months):
            submit(registry, clerk, SubmissionRequest("figures", None, None, "apply", rows=reported(country, month)))
        return Keys(
            create_credential(registry, "bench", "department", department="bench")[1],
            create_credential(registry, "clerk", "region", region=country.province)[1],
        )


def view_path(number: int, question: str) -> str:
    return f"/v1/views/bench{number}/records?{question}"


def party(name: str, server: Running, keys: Keys, records: Sequence[tuple[str, str]]) -> Party:
    """Its pages are still to be learned by ``cursors``."""
    return Party(
        name,
        server,
        (f"Authorization: Bearer {keys.department}",),
        records=[view_path(0, f"region={region}&period={month}") for region, month in records],
    )


def fetched(party: Party, path: str) -> bytes:
    """A whole body. Raises Failed unless the answer is 200."""
    link = http.client.HTTPConnection(party.server.host, party.server.port, timeout=LONGEST)
    try:
        headers = dict(line.split(": ", 1) for line in party.headers)
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as fault:
        raise Failed(f"GET {path}: {fault}") from fault
    finally:
        link.close()
    if answer.status != 200:
        raise Failed(f"GET {path}: {answer.status} {body[:300]!r}")
    return body


def cursors(party: Party, most: int) -> list[str]:
    """The paths of all pages, learned by going from each to its next."""
    paths: list[str] = []
    cursor = ""
    while len(paths) < most:
        paths.append(view_path(0, f"limit={PAGE}" + (f"&cursor={quote(cursor)}" if cursor else "")))
        cursor = json.loads(fetched(party, paths[-1]))["next"]
        if cursor is None:
            break
    return paths


def posted(server: Running, path: str, key: str, body: bytes, kind: str) -> tuple[float, dict[str, object]]:
    """Seconds that a POST took, and its answer. Raises Failed unless it is 201."""
    link = http.client.HTTPConnection(server.host, server.port, timeout=LONGEST)
    try:
        link.connect()
        started = time.perf_counter()
        link.request("POST", path, body, {"Authorization": f"Bearer {key}", "Content-Type": kind})
        answer = link.getresponse()
        said = answer.read()
        seconds = time.perf_counter() - started
    except (OSError, http.client.HTTPException) as fault:
        raise Failed(f"POST {path}: {fault}") from fault
    finally:
        link.close()
    if answer.status != 201:
        raise Failed(f"POST {path}: {answer.status} {said[:500]!r}")
    return seconds, json.loads(said)


def write_one(server: Running, keys: Keys, country: Country, figure: int) -> None:
    """One township reports one figure of one month anew."""
    row = {"region": country.townships[len(country.townships) // 2].code, "period": period(1), "e0": figure}
    body = json.dumps({"dataset": "figures", "rows": [row]}).encode()
    posted(server, "/v1/submissions", keys.clerk, body, "application/json")


def workbook(country: Country, rows: int, shift: int, first: int = 0) -> bytes:
    """An xlsx with so many records, those of UPLOAD_MONTHS months from ``first`` on, with the figures of ``shift``.

    Raises ValueError for more rows than the townships have records in so many months.
    """
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("数据")
        sheet.write_row(0, 0, ["region", "period", *(f"e{n}" for n in range(ELEMENTS))])
        line = 0
        for township in country.townships:
            for month in range(first, first + UPLOAD_MONTHS):
                if line == rows:
                    break
                line += 1
                sheet.write_row(line, 0, [township.code, period(month)])
                for n, value in enumerate(figures(township, month, shift).values()):
                    if n in AREAS:
                        sheet.write_number(line, n + 2, float(value))
                    elif n == DAY or isinstance(value, str):
                        sheet.write_string(line, n + 2, value)
                    else:
                        sheet.write_number(line, n + 2, value)
    if line < rows:
        raise ValueError(
            f"{rows} rows are more than {len(country.townships)} townships report in {UPLOAD_MONTHS} months"
        )
    return content.getvalue()


def form(fields: dict[str, str], workbook: bytes) -> tuple[bytes, str]:
    """A multipart body with a file, and its content type."""
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="figures.xlsx"\r\n'
        "Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet\r\n\r\n"
    )
    return "".join(parts).encode() + workbook + f"\r\n--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
