"""Training of the scorer: regularised logistic regression by Newton's method, without any library."""

from __future__ import annotations

import math
from collections.abc import Sequence

Row = tuple[tuple[float, ...], bool, float]  # features, right or wrong, weight of the example


def fit(
    rows: Sequence[Row], size: int, *, ridge: float = 1.0, start: Sequence[float] | None = None, steps: int = 12
) -> list[float]:
    """Bias and weights that make ``rows`` most likely, drawn to zero by ``ridge``; the same for any ``start``."""
    beta = list(start) if start else [0.0] * (size + 1)
    sparse = [
        ([(0, 1.0), *((i + 1, v) for i, v in enumerate(values) if v)], right, weight) for values, right, weight in rows
    ]
    for _ in range(steps):
        gradient = [-ridge * b for b in beta]
        gradient[0] = -0.01 * beta[0]
        curve = [[0.0] * (size + 1) for _ in range(size + 1)]
        for place in range(size + 1):
            curve[place][place] = ridge if place else 0.01
        for values, right, weight in sparse:
            score = sum(beta[i] * v for i, v in values)
            p = 1 / (1 + math.exp(-max(-40.0, min(40.0, score))))
            error = weight * (right - p)
            spread = weight * p * (1 - p)
            for i, v in values:
                gradient[i] += error * v
                line, scaled = curve[i], spread * v
                for j, w in values:
                    line[j] += scaled * w
        step = solve(curve, gradient)
        beta = [b + s for b, s in zip(beta, step, strict=True)]
        if max(abs(s) for s in step) < 1e-6:
            break
    return beta


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """The solution of a small regular system of equations, by elimination with pivots."""
    size = len(right)
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for place in range(size):
        pivot = max(range(place, size), key=lambda r: abs(rows[r][place]))
        rows[place], rows[pivot] = rows[pivot], rows[place]
        top = rows[place]
        for below in range(place + 1, size):
            factor = rows[below][place] / top[place]
            if factor:
                rows[below] = [a - factor * b for a, b in zip(rows[below], top, strict=True)]
    found = [0.0] * size
    for place in range(size - 1, -1, -1):
        known = sum(rows[place][k] * found[k] for k in range(place + 1, size))
        found[place] = (rows[place][size] - known) / rows[place][place]
    return found
