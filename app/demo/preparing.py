"""A fresh registry in a folder: migrated, the sample catalogue applied, and one key for each part in the play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from pathlib import Path

import yaml

from app.errors import Problem
from app.host.folders import read_files
from app.services.apply import apply_folder
from app.services.credentials import create_credential
from app.services.registry import Registry
from app.settings import Settings
from app.store.migrating import migrate

COUNTY = "430682"
DEPARTMENT, VIEW = "ecology", "ecology-rural"
ELSEWHERE_DEPARTMENT = "agriculture"
NARROW_DEPARTMENT, NARROW_VIEW = "demo_visitor", "demo-visitor"
NARROW_REGION = "430682101"
A_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Keys:
    """The demo's keys, by who has them."""

    admin: str
    clerk: str
    department: str
    elsewhere: str
    narrow: str
    passing: str
    passing_id: str


def schema_folder() -> Path:
    """The sample catalogue: within the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("app")))
    installed = package / "_data" / "schemas"
    return installed if installed.is_dir() else package.parent / "schemas"


def agreement(code: str, department: str, elements: list[str], regions: list[str], today: date) -> dict[str, object]:
    """An agreement that is in force whenever the demo is run."""
    return {
        "code": code,
        "department": department,
        "purpose": "演示 (demonstration)",
        "legal_basis": "演示用，无法律效力",
        "elements": elements,
        "regions": regions,
        "valid": {"from": today - A_YEAR, "until": today + A_YEAR},
    }


def demo_files(today: date) -> dict[str, bytes]:
    """A second schema folder: agreements that never run out, and a visitor who sees one figure of one town."""
    view = {
        "code": NARROW_VIEW,
        "department": NARROW_DEPARTMENT,
        "title": "演示：部分字段、部分区划",
        "grain": {"level": "township", "frequency": "year"},
        "fields": [
            {"name": "code", "title": "行政区划代码", "from": "region.code"},
            {"name": "people", "title": "常住人口", "from": "population.resident_population"},
            {"name": "farmland", "title": "耕地面积", "from": "land.cultivated_land_area"},
        ],
    }
    covered = ["population.resident_population", "land.cultivated_land_area"]
    documents: Mapping[str, object] = {
        "departments.yaml": {"departments": [{"code": NARROW_DEPARTMENT, "name": "演示参观单位"}]},
        f"views/{NARROW_VIEW}.yaml": view,
        "agreements/demo-department.yaml": agreement(
            "demo-department", DEPARTMENT, [*covered, "township_profile.is_county_seat"], ["*"], today
        ),
        "agreements/demo-visitor.yaml": agreement(
            "demo-visitor", NARROW_DEPARTMENT, ["population.resident_population"], [NARROW_REGION], today
        ),
    }
    return {name: yaml.safe_dump(body, allow_unicode=True).encode() for name, body in documents.items()}


def prepare(folder: Path) -> tuple[Keys, int]:
    """Makes the registry in ``folder``; gives the keys and the number of things its catalogue has."""
    settings = Settings(data_dir=folder, database_url=f"sqlite:///{folder.absolute() / 'registry.db'}")
    migrate(settings.database_url)
    with Registry.open(settings) as registry:
        count = 0
        for files in (read_files(schema_folder()), demo_files(registry.today())):
            plan = apply_folder(registry, files)
            if plan.faults:
                raise Problem("invalid_document", "示例目录有误 (the sample catalogue has faults)", faults=plan.faults)
            count += sum(1 for line in plan.lines if line.kind != "region")
        passing_id, passing = create_credential(registry, "演示：将被撤销", "department", department=DEPARTMENT)
        keys = Keys(
            admin=create_credential(registry, "演示管理员", "admin")[1],
            clerk=create_credential(registry, "演示统计员", "region", region=COUNTY)[1],
            department=create_credential(registry, "演示部门", "department", department=DEPARTMENT)[1],
            elsewhere=create_credential(registry, "演示：另一部门", "department", department=ELSEWHERE_DEPARTMENT)[1],
            narrow=create_credential(registry, "演示参观单位", "department", department=NARROW_DEPARTMENT)[1],
            passing=passing,
            passing_id=passing_id,
        )
    return keys, count
