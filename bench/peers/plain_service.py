"""The ordinary way to build the same: FastAPI, SQLAlchemy's ORM, response models.

A key is looked up for each request, the department's fields are named and converted in the response model, an upload is
read with openpyxl, checked row by row by a model, and stored with its history. It has no agreements and no audit.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Literal, Self

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, UploadFile
from openpyxl import load_workbook
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import JSON, Numeric, create_engine, select, tuple_
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

MU_OF_A_HECTARE = 15
CENT = Decimal("0.01")
KINDS = {f"{number:02d}": f"K{number:02d}" for number in range(1, 16)}
Kind = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-5])$")]


class Base(DeclarativeBase):
    pass


class Key(Base):
    __tablename__ = "api_key"
    digest: Mapped[str] = mapped_column(primary_key=True)


class Figures(Base):
    __tablename__ = "figures"
    region: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    e0: Mapped[int]
    e1: Mapped[int]
    e2: Mapped[int]
    e3: Mapped[int]
    e4: Mapped[int]
    e5: Mapped[int]
    e6: Mapped[int]
    e7: Mapped[int]
    e8: Mapped[int]
    e9: Mapped[int]
    e10: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e11: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e12: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e13: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e14: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e15: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e16: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e17: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e18: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e19: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    e20: Mapped[str]
    e21: Mapped[str]
    e22: Mapped[date]
    e23: Mapped[str]


class History(Base):
    __tablename__ = "figures_history"
    id: Mapped[int] = mapped_column(primary_key=True)
    region: Mapped[str]
    period: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    after: Mapped[dict[str, Any]] = mapped_column(JSON)


class Reported(BaseModel):
    """A row of an upload."""

    region: Annotated[str, Field(pattern=r"^[0-9]{9}$")]
    period: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]
    e0: Annotated[int, Field(ge=0)]
    e1: Annotated[int, Field(ge=0)]
    e2: Annotated[int, Field(ge=0)]
    e3: Annotated[int, Field(ge=0)]
    e4: Annotated[int, Field(ge=0)]
    e5: Annotated[int, Field(ge=0)]
    e6: Annotated[int, Field(ge=0)]
    e7: Annotated[int, Field(ge=0)]
    e8: Annotated[int, Field(ge=0)]
    e9: Annotated[int, Field(ge=0)]
    e10: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e11: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e12: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e13: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e14: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e15: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e16: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e17: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e18: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e19: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    e20: Kind
    e21: Kind
    e22: date
    e23: str


class Record(BaseModel):
    """A record as the department reads it."""

    dm: str
    qj: str
    f0: int
    f1: int
    f2: int
    f3: int
    f4: int
    f5: int
    f6: int
    f7: int
    f8: int
    f9: int
    f10: float
    f11: float
    f12: float
    f13: float
    f14: float
    f15: float
    f16: float
    f17: float
    f18: float
    f19: float
    f20: str
    f21: str
    f22: date
    f23: str

    @classmethod
    def of(cls, row: Figures) -> Self:
        return cls(
            dm=row.region,
            qj=row.period,
            f0=row.e0,
            f1=row.e1,
            f2=row.e2,
            f3=row.e3,
            f4=row.e4,
            f5=row.e5,
            f6=row.e6,
            f7=row.e7,
            f8=row.e8,
            f9=row.e9,
            f10=float((row.e10 * MU_OF_A_HECTARE).quantize(CENT, ROUND_HALF_UP)),
            f11=float((row.e11 * MU_OF_A_HECTARE).quantize(CENT, ROUND_HALF_UP)),
            f12=float((row.e12 * MU_OF_A_HECTARE).quantize(CENT, ROUND_HALF_UP)),
            f13=float((row.e13 * MU_OF_A_HECTARE).quantize(CENT, ROUND_HALF_UP)),
            f14=float((row.e14 * MU_OF_A_HECTARE).quantize(CENT, ROUND_HALF_UP)),
            f15=float((row.e15 * MU_OF_A_HECTARE).quantize(CENT, ROUND_HALF_UP)),
            f16=float(row.e16),
            f17=float(row.e17),
            f18=float(row.e18),
            f19=float(row.e19),
            f20=KINDS[row.e20],
            f21=KINDS[row.e21],
            f22=row.e22,
            f23=row.e23,
        )


class Uploaded(BaseModel):
    """What an upload came to."""

    status: Literal["applied"]
    rows: int
    changed: int


def session(request: Request) -> Iterator[Session]:
    with request.app.state.sessions() as opened:
        yield opened


def known(opened: Annotated[Session, Depends(session)], authorization: Annotated[str, Header()] = "") -> Session:
    """The session of a request whose key is known; else 401."""
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    if opened.get(Key, digest) is None:
        raise HTTPException(401)
    return opened


Opened = Annotated[Session, Depends(known)]


def create_app() -> FastAPI:
    """The service over the database that ``BENCH_DATABASE_URL`` names; its tables are there."""
    app = FastAPI()
    app.state.sessions = sessionmaker(create_engine(os.environ["BENCH_DATABASE_URL"], pool_size=16))

    @app.get("/records", response_model=list[Record])
    def records(
        session: Opened,
        region: str = "",
        period: str = "",
        limit: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    ) -> list[Record]:
        place = tuple_(Figures.region, Figures.period)
        asked = select(Figures).order_by(Figures.region, Figures.period).limit(limit)
        rows = session.scalars(asked.where(place >= (region, period)))
        return [Record.of(row) for row in rows]

    @app.get("/records/{region}/{period}", response_model=Record)
    def record(region: str, period: str, session: Opened) -> Record:
        row = session.get(Figures, (region, period))
        if row is None:
            raise HTTPException(404)
        return Record.of(row)

    @app.post("/uploads", response_model=Uploaded, status_code=201)
    def upload(file: UploadFile, session: Opened) -> Uploaded:
        sheet = load_workbook(io.BytesIO(file.file.read()), read_only=True, data_only=True).worksheets[0]
        lines = sheet.iter_rows(values_only=True)
        names = [str(name) for name in next(lines)]
        changed = count = 0
        for count, line in enumerate(lines, start=1):
            try:
                row = Reported.model_validate(dict(zip(names, line, strict=True)))
            except ValidationError as fault:
                raise HTTPException(422, f"row {count}: {fault}") from fault
            held = session.get(Figures, (row.region, row.period))
            after = row.model_dump()
            before = None if held is None else {name: getattr(held, name) for name in after}
            if before == after:
                continue
            if held is None:
                session.add(Figures(**after))
            else:
                for name, value in after.items():
                    setattr(held, name, value)
            documents = [None if told is None else _plain(told) for told in (before, after)]
            session.add(History(region=row.region, period=row.period, before=documents[0], after=documents[1]))
            changed += 1
        session.commit()
        return Uploaded(status="applied", rows=count, changed=changed)

    return app


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int | str) else str(value) for name, value in values.items()}
