"""The burden ledger as a picture: cells that did not have to be filled, month by month, as plain SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 320, 72, 48, 48
_MOST_MONTHS = 24
_TICKS = 4


def months_chart(ledger: Mapping[str, Any]) -> bytes:
    """Bars of cells by month, with the number of forms over each."""
    months: Sequence[Mapping[str, Any]] = ledger["months"][-_MOST_MONTHS:]
    highest = max((int(month["cells"]) for month in months), default=0)
    top = _round_up(highest)
    plot = _HEIGHT - _TOP - _BOTTOM
    step = (_WIDTH - _LEFT - 16) / max(len(months), 1)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        "<title>免填数据项格数 / cells not filled</title>",
        f'<text x="{_LEFT}" y="22" font-size="15">免填格数，按月 / Cells not filled, by month</text>',
        (
            f'<text x="{_LEFT}" y="38" fill="#666">合计 {ledger["saved"]["cells"]:,} 格，{ledger["saved"]["forms"]:,} 张表 '
            f"/ {ledger['saved']['cells']:,} cells, {ledger['saved']['forms']:,} forms</text>"
        ),
    ]
    for tick in range(_TICKS + 1):
        y = _HEIGHT - _BOTTOM - plot * tick / _TICKS
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - 16}" y2="{y:.1f}" stroke="#ddd"/>')
        label = f"{top * tick // _TICKS:,}"
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#666">{label}</text>')
    for place, month in enumerate(months):
        height = plot * int(month["cells"]) / top
        x, y = _LEFT + step * place + step * 0.15, _HEIGHT - _BOTTOM - height
        middle = x + step * 0.35
        parts += [
            (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{step * 0.7:.1f}" height="{height:.1f}" fill="#2f6f9f">'
                f"<title>{escape(str(month['month']))}: {month['cells']:,}</title></rect>"
            ),
            f'<text x="{middle:.1f}" y="{y - 4:.1f}" text-anchor="middle" font-size="10">{month["forms"]:,}</text>',
            (
                f'<text x="{middle:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle" font-size="10">'
                f"{escape(str(month['month']))}</text>"
            ),
        ]
    parts.append(
        f'<text x="{_LEFT}" y="{_HEIGHT - 12}" fill="#666" font-size="10">柱上数字为免填表数 / over the bars: forms</text>'
    )
    parts.append("</svg>")
    return "\n".join(parts).encode()


def _round_up(value: int) -> int:
    """The next number that divides into four ticks without ugly steps."""
    size = 4
    while size < value:
        size = size * 5 // 2 if str(size)[0] == "4" else size * 2
    return size
