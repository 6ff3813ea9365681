"""The medians as bars: an SVG of plain shapes and text, readable on light and dark ground."""

from __future__ import annotations

from html import escape

from bench.comparison.seen import AGAIN, CSV_AGAIN, CSV_FIRST, FIRST, PAGES, RECORDS, UPLOADS, Seen

PANELS = (
    (FIRST, "s", True), (AGAIN, "s", True), (CSV_FIRST, "s", True), (CSV_AGAIN, "s", True),
    (PAGES, "a second", False), (RECORDS, "a second", False), *((upload, "s", True) for upload in UPLOADS),
)  # fmt: skip
WIDTH, NAMES, BARS, LINE = 860, 250, 480, 20


def chart(seen: Seen) -> str:
    """One panel a measure, the best party first; bars are in proportion within a panel, whiskers are least and most."""
    parts: list[str] = []
    top = 30.0
    for measure, unit, low_is_good in PANELS:
        spreads = {party: spread for party in seen.parties(measure) if (spread := seen.spread(measure, party))}
        if not spreads:
            continue
        better = "less is better" if low_is_good else "more is better"
        parts.append(f'<text class="title" x="10" y="{top:.0f}">{escape(f"{measure}, {unit} ({better})")}</text>')
        longest = max(spread.most for spread in spreads.values()) or 1.0
        ranked = sorted(spreads.items(), key=lambda item: item[1].middle, reverse=not low_is_good)
        for party, spread in ranked:
            top += LINE
            kind = "ours" if party.startswith("ours") else "peer"
            long, least, most = (BARS * part / longest for part in (spread.middle, spread.least, spread.most))
            figure = f"{spread.middle:,.3f}" if low_is_good else f"{spread.middle:,.0f}"
            parts += [
                f'<text class="name" x="{NAMES - 8}" y="{top:.0f}">{escape(party)}</text>',
                f'<rect class="{kind}" x="{NAMES}" y="{top - 11:.0f}" width="{max(long, 1):.1f}" height="12"/>',
                f'<line x1="{NAMES + least:.1f}" x2="{NAMES + most:.1f}" y1="{top - 5:.0f}" y2="{top - 5:.0f}"/>',
                f'<text x="{NAMES + max(long, most) + 8:.1f}" y="{top:.0f}">{figure}</text>',
            ]
        top += 2 * LINE
    style = (
        "text{font:12px sans-serif;fill:#666}.title{font-weight:bold}.name{text-anchor:end}"
        ".ours{fill:#2a7fb8}.peer{fill:#b0b0b0}line{stroke:#c0392b;stroke-width:1.5}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:.0f}" role="img">'
    return "\n".join([head, f"<style>{style}</style>", *parts, "</svg>", ""])
