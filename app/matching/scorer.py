"""The scorer: a logistic regression over the features, its weights a file of the repository."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files

from app.matching.features import FEATURES


@dataclass(frozen=True, slots=True)
class Weights:
    """``bias`` and one weight a feature; ``threshold``: proposed from here on; ``automatic``: sure from here on."""

    features: tuple[str, ...]
    bias: float
    weights: tuple[float, ...]
    threshold: float
    automatic: float

    def log_odds(self, values: Sequence[float]) -> float:
        return self.bias + sum(weight * value for weight, value in zip(self.weights, values, strict=True) if value)

    def document(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)


def probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, log_odds))))


def parse_weights(text: str) -> Weights:
    """Weights from their file; ValueError if they belong to other features than the program's."""
    body = json.loads(text)
    found = Weights(tuple(body["features"]), body["bias"], tuple(body["weights"]), body["threshold"], body["automatic"])
    if found.features != FEATURES or len(found.weights) != len(FEATURES):
        raise ValueError("the weights were trained for other features; train them again")
    return found


@cache
def trained_weights() -> Weights:
    """The weights that come with the matcher."""
    return parse_weights(files("app.matching").joinpath("knowledge/weights.json").read_text("utf-8"))
