"""A large workbook read, checked and stored, beside the usual way of doing it: openpyxl, response models, an ORM.

    uv run python -m bench.intake [--rows 100000] [--stored 10000] [--runs 3] [--database-url URL]

Both sides take turns, each time in a process of its own, so that what else the machine does falls on both; printed are the median, the
least and the most of the seconds, and the most memory of any run. *Reading*: the file to judged values kept in memory, type, range,
required, region and duplicates; the peer reads row by row with openpyxl (read only) into pydantic models. *Storing*: the same, then
all of it into the database with its history; the peer adds rows with SQLAlchemy's ORM, one new version a row beside what it replaces,
and answers with response models.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import xlsxwriter
from openpyxl import load_workbook
from pydantic import BaseModel, ConfigDict, Field, create_model
from sqlalchemy import JSON, ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.formats.reading import read_workbook
from app.intake import compare, read_workbook_rows
from app.policy import gate
from app.policy.callers import Caller
from app.services.apply import apply_folder
from app.services.registry import Registry
from app.services.submit import SubmissionRequest, context_of, submit
from app.settings import Settings
from app.store.migrating import migrate

ELEMENTS = 24
REGIONS = 100
CALLER = Caller("department", "bench", "bench", department="bench")


def folder() -> dict[str, bytes]:
    """A dataset of 24 figures, counts and areas in turn, kept by households of a hundred townships."""
    lines = ["code,name,level,parent", "43,省,province,", "4301,市,prefecture,43", "430101,县,county,4301"]
    lines += [f"430101{100 + n},镇{n}号,township,430101" for n in range(REGIONS)]
    elements = ["  - {code: id, title: 编号, type: text}"]
    for n in range(ELEMENTS):
        kind = "decimal, decimals: 2, unit: 公顷" if n % 2 else "integer, unit: 人"
        required = ", required: true" if n == 0 else ""
        elements.append(f"  - {{code: e{n}, title: 指标{n}, type: {kind}, measure: stock, min: 0{required}}}")
    dataset = "\n".join(
        ["code: figures", "title: 数", "frequency: year", "level: township", "key: [id]", "source: department:bench",
         "sharing: open", "elements:", *elements, ""]
    )  # fmt: skip
    return {
        "regions.csv": "\n".join(lines).encode(),
        "departments.yaml": "departments:\n  - {code: bench, name: 局}\n".encode(),
        "datasets/figures.yaml": dataset.encode(),
    }


def make(path: Path, rows: int) -> None:
    """The workbook that both sides read; every twentieth cell is blank."""
    chance = random.Random(1)
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("数据")
        sheet.write_row(0, 0, ["行政区划代码", "编号", *(f"指标{n}" for n in range(ELEMENTS))])
        for line in range(1, rows + 1):
            sheet.write_string(line, 0, f"430101{100 + line % REGIONS}")
            sheet.write_string(line, 1, f"H{line}")
            for n in range(ELEMENTS):
                if n == 0 or chance.random() >= 0.05:
                    sheet.write_number(
                        line, n + 2, round(chance.random() * 1000, 2) if n % 2 else chance.randrange(10**5)
                    )


# -- the peer ------------------------------------------------------------------------------------------------------


def row_model() -> type[BaseModel]:
    fields: dict[str, Any] = {"region": (Annotated[str, Field(pattern=r"^430101\d{3}$")], ...), "id": (str, ...)}
    for n in range(ELEMENTS):
        kind: Any = Annotated[Decimal, Field(ge=0)] if n % 2 else Annotated[int, Field(ge=0)]
        fields[f"e{n}"] = (kind, ...) if n == 0 else (kind | None, None)
    return create_model("Row", __config__=ConfigDict(extra="forbid", from_attributes=True), **fields)


def peer_read(path: Path) -> list[BaseModel]:
    model = row_model()
    names = ["region", "id", *(f"e{n}" for n in range(ELEMENTS))]
    known = {f"430101{100 + n}" for n in range(REGIONS)}
    sheet = load_workbook(path, read_only=True, data_only=True).worksheets[0]
    seen: set[tuple[str, str]] = set()
    found = []
    lines = sheet.iter_rows(values_only=True)
    next(lines)
    for line in lines:
        row: Any = model.model_validate(dict(zip(names, line, strict=False)))
        if row.region not in known or (row.region, row.id) in seen:
            raise ValueError(row)
        seen.add((row.region, row.id))
        found.append(row)
    return found


class Base(DeclarativeBase):
    pass


class PeerSubmission(Base):
    __tablename__ = "peer_submission"
    id: Mapped[int] = mapped_column(primary_key=True)


class PeerRecord(Base):
    __tablename__ = "peer_record"
    id: Mapped[int] = mapped_column(primary_key=True)
    region: Mapped[str] = mapped_column(index=True)
    period: Mapped[int]
    key: Mapped[str] = mapped_column(index=True)
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    submission_id: Mapped[int] = mapped_column(ForeignKey("peer_submission.id"))
    superseded: Mapped[bool] = mapped_column(default=False)


def peer_store(path: Path, url: str) -> int:
    engine = create_engine(url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    answered = []
    with Session(engine) as session:
        submission = PeerSubmission()
        session.add(submission)
        session.flush()
        for row in peer_read(path):
            told = row.model_dump(mode="json")
            held = select(PeerRecord).where(
                PeerRecord.region == told["region"], PeerRecord.key == told["id"], PeerRecord.superseded.is_(False)
            )
            before = session.execute(held).scalar_one_or_none()
            if before is not None:
                before.superseded = True
            session.add(
                PeerRecord(region=told["region"], period=2025, key=told["id"], values=told, submission_id=submission.id)
            )
            answered.append(type(row).model_validate(told).model_dump_json())
        session.commit()
    return len(answered)


# -- this registry -------------------------------------------------------------------------------------------------


def own(path: Path, url: str, *, store: bool) -> tuple[int, float]:
    """How many rows, and the seconds without the opening of the registry."""
    with tempfile.TemporaryDirectory() as data:
        migrate(url)
        with Registry.open(Settings(database_url=url, data_dir=Path(data))) as registry:
            faults = apply_folder(registry, folder()).faults
            if faults:
                raise ValueError(faults)
            state = registry.state()
            started = time.perf_counter()
            request = SubmissionRequest("figures", "2025", None, "apply", path.name, path.read_bytes())
            if store:
                counts = submit(registry, CALLER, request).body["counts"]
                return counts["new"], time.perf_counter() - started
            dataset = state.catalogue.datasets["figures"]
            given = context_of(registry, state, gate.permit_submission(CALLER, dataset), dataset, request)
            changes = compare(read_workbook_rows(read_workbook(request.data or b"", path.name), given), {}, given)
            if not changes.acceptable:
                raise ValueError(changes.findings[:5])
            return len(changes.new), time.perf_counter() - started


def once(side: str, task: str, path: Path, url: str) -> dict[str, float]:
    """One run in this process."""
    started = time.perf_counter()
    if side == "own":
        rows, seconds = own(path, url, store=task == "store")
    else:
        rows = peer_store(path, url) if task == "store" else len(peer_read(path))
        seconds = time.perf_counter() - started
    return {"rows": rows, "seconds": seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measured(side: str, task: str, path: Path, url: str) -> dict[str, float]:
    """One run in a process of its own."""
    command = [sys.executable, "-m", "bench.intake", "--once", side, task, "--file", str(path), "--database-url", url]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(task: str, rows: int, runs: int, url: str | None) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.xlsx"
        make(path, rows)
        found: dict[str, list[dict[str, float]]] = {"own": [], "peer": []}
        for turn in range(runs):
            for side in ("own", "peer") if turn % 2 == 0 else ("peer", "own"):
                database = url or f"sqlite:///{place}/{side}{turn}.db"
                found[side].append(measured(side, task, path, database))
                if found[side][-1]["rows"] != rows:
                    raise ValueError(f"{side} took {found[side][-1]['rows']} of {rows} rows")
    print(f"{task}: {rows} rows x {ELEMENTS} elements, {runs} runs in turns")
    medians = {}
    for side, runs_of in found.items():
        seconds = [run["seconds"] for run in runs_of]
        medians[side] = statistics.median(seconds)
        memory = max(run["memory"] for run in runs_of)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(f"  {side}: {medians[side]:.2f} s ({spread}), most memory {memory:.0f} MB")
    print(f"  {medians['peer'] / medians['own']:.1f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="of the file that is read; 0: not")
    parser.add_argument("--stored", type=int, default=10_000, help="of the file that is stored; 0: not")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database-url", help="an empty PostgreSQL; by default SQLite files")
    parser.add_argument("--once", nargs=2, metavar=("SIDE", "TASK"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.once:
        side, task = asked.once
        print(json.dumps(once(side, task, asked.file, asked.database_url)))
        return
    if asked.rows:
        compared("read", asked.rows, asked.runs, None)
    if asked.stored:
        compared("store", asked.stored, asked.runs, asked.database_url)


if __name__ == "__main__":
    main()
