"""The form gate over HTTP: 30 columns against 3,000 elements, and how quickly hostile forms are refused.

    uv run python -m bench.form_gate [--runs 15] [--database-url URL]

Makes a registry with 3,000 elements in a temporary folder, serves it with ``township serve`` as a process of its own, and
hands in forms as a department. Prints the median and the spread of each, and what the service itself spent of a processor.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from app.services.apply import apply_folder
from app.services.credentials import create_credential
from app.services.registry import Registry
from app.settings import Settings
from app.store.migrating import migrate

WHOSE = ("农村", "城镇", "国有", "民营", "集体", "规模以上", "当年新建", "偏远山区", "省级示范", "备案")
WHAT = (
    "小学", "幼儿园", "普通中学", "养老机构", "卫生院", "村卫生室", "文化站", "农家书屋", "体育健身场所", "工业企业",
    "家庭农场", "农民专业合作社", "敬老院", "客运站", "污水处理厂", "公共厕所", "应急避难场所", "商店", "民宿", "屠宰场",
    "沼气工程", "苗圃", "果园", "茶园", "养殖场", "图书馆", "福利院", "福利企业", "批发市场", "加油站",
)  # fmt: skip
HOW = (
    ("个数", "个", "integer"), ("建筑面积", "平方米", "decimal"), ("从业人数", "人", "integer"), ("总收入", "万元", "decimal"),
    ("总支出", "万元", "decimal"), ("用电量", "万千瓦时", "decimal"), ("女性从业人数", "人", "integer"),
    ("服务人次", "人次", "integer"), ("占地面积", "亩", "decimal"), ("资产总额", "万元", "decimal"),
)  # fmt: skip


def folder() -> dict[str, bytes]:
    """3,000 elements: whose, what and how measured; a dataset for each ``WHAT``."""
    texts = {
        "regions.csv": "code,name,level,parent\n43,省,province,\n4301,市,prefecture,43\n430101,县,county,4301\n"
        + "".join(f"430101{100 + i},镇{i},township,430101\n" for i in range(20)),
        "departments.yaml": "departments: [{code: bench, name: 发展改革局}]",
    }
    for number, what in enumerate(WHAT):
        lines = [
            f"  - {{code: e{i}_{j}, title: {whose}{what}{how}, aliases: [{what}{how}（{whose}）], type: {kind}, unit: {unit}, "
            f"measure: stock, definition: 年末辖区内{whose}的{what}的{how}}}"
            for i, whose in enumerate(WHOSE)
            for j, (how, unit, kind) in enumerate(HOW)
        ]
        head = f"code: d{number}\ntitle: {what}\nfrequency: year\nlevel: township\nsharing: open\nelements:\n"
        texts[f"datasets/d{number}.yaml"] = head + "\n".join(lines)
    return {name: text.encode() for name, text in texts.items()}


def form(turn: int) -> dict[str, Any]:
    """30 columns: 20 that are held in other words and units, 6 that are derived, 4 that are new; other ones each turn."""
    columns: list[dict[str, Any]] = []
    for place in range(20):
        whose, what = WHOSE[(turn + place) % len(WHOSE)], WHAT[(turn * 7 + place) % len(WHAT)]
        how, unit, _ = HOW[(turn + 3 * place) % len(HOW)]
        other = {"平方米": "万平方米", "人": "万人", "万元": "亿元", "亩": "公顷"}.get(unit, unit)
        columns.append({"name": f"{place + 1}.{how}", "unit": other, "path": [f"{what}情况", f"{whose}{what}"]})
    for place in range(6):
        whose, what = WHOSE[(turn + place) % len(WHOSE)], WHAT[(turn * 5 + place) % len(WHAT)]
        name = (f"平均每个{what}从业人数", f"{whose}{what}总收入比上年增长", f"女性占{whose}{what}从业人数的比重")[
            place % 3
        ]
        columns.append({"name": name, "unit": ("人", "%", "%")[place % 3]})
    columns += [
        {"name": f"{word}{turn}", "unit": "个"} for word in ("碳汇项目", "数字孪生底座", "无人机起降点", "算力节点")
    ]
    return {"title": "公共服务和经营主体情况表", "frequency": "年报", "level": "township", "columns": columns}


def form_of_the_labelled_set() -> dict[str, Any]:
    """A real form of 30 columns, whose words are those of another catalogue: nothing is quickly found."""
    path = Path(__file__).parent.parent / "tests" / "matching" / "data" / "forms.json"
    labelled = max(json.loads(path.read_text("utf-8"))["forms"], key=lambda one: len(one["columns"]))
    columns = [{key: c.get(key) or [] for key in ("path", "samples")} | {"name": c["name"], "unit": c.get("unit")}
               for c in labelled["columns"][:30]]  # fmt: skip
    return {"title": labelled["title"], "columns": columns}


HOSTILE: dict[str, dict[str, Any]] = {
    "50,000 columns": {"title": "表", "columns": [{"name": f"栏{i}"} for i in range(50_000)]},
    "a name of 1 MB": {"title": "表", "columns": [{"name": "人口" * 180_000}]},
    "1,000 columns of 400 unlisted characters": {
        "title": "表",
        "columns": [
            {"name": "".join(chr(0x4E00 + (i * 131 + j * 17) % 20_000) for j in range(400))} for i in range(1_000)
        ],
    },
}


def timed(ask: Callable[[int], httpx.Response], runs: int) -> tuple[list[float], int]:
    """Seconds of each run, after one that is not counted; and the status of the last."""
    ask(0)
    taken: list[float] = []
    status = 0
    for turn in range(1, runs + 1):
        begun = time.perf_counter()
        status = ask(turn).status_code
        taken.append(time.perf_counter() - begun)
    return taken, status


def spent(process: subprocess.Popen[str]) -> float:
    """Processor seconds of the service so far, from the kernel's own table; 0 where there is none."""
    stat = Path(f"/proc/{process.pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--runs", type=int, default=15)
    options.add_argument("--database-url")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        settings = Settings(database_url=asked.database_url or f"sqlite:///{place}/bench.db", data_dir=Path(place))
        migrate(settings.database_url)
        registry = Registry.open(settings)
        try:
            plan = apply_folder(registry, folder())
            if plan.faults:
                raise SystemExit(str(plan.faults[0]))
            key = create_credential(registry, "bench", "department", department="bench")[1]
        finally:
            registry.close()
        environment = {**os.environ, "TOWNSHIP_DATABASE_URL": settings.database_url, "TOWNSHIP_DATA_DIR": place}
        command = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            if process.stdout is None:
                raise SystemExit("the service has no output")
            try:
                measure(process, process.stdout.readline().strip().rpartition(" ")[2], key, asked.runs)
            finally:
                process.terminate()


def measure(process: subprocess.Popen[str], url: str, key: str, runs: int) -> None:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(f"load {load:.1f}")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120) as client:

        def ask(document: dict[str, Any]) -> httpx.Response:
            return client.post("/v1/form-requests", json=document)

        first = time.perf_counter()
        ask(form(0))
        print(f"{'the first form, with the index built':45} {time.perf_counter() - first:7.3f} s")
        trials: dict[str, tuple[Callable[[int], httpx.Response], int]] = {
            "30 columns, 3,000 elements": (lambda turn: ask(form(turn)), runs),
            "30 columns of a real form": (lambda _: ask(form_of_the_labelled_set()), runs),
        }
        for name, document in HOSTILE.items():
            trials[name] = (lambda _, document=document: ask(document), 3)  # type: ignore[misc]
        for name, (trial, times) in trials.items():
            before = spent(process)
            taken, status = timed(trial, times)
            each = (spent(process) - before) / (times + 1)
            spread = f"{min(taken):.3f} to {max(taken):.3f}"
            print(f"{name:45} {statistics.median(taken):7.3f} s ({spread}; processor {each:.3f} s)  {status}")


if __name__ == "__main__":
    main()
