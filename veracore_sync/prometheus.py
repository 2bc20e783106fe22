"""Prometheus's text format; nothing else in this program writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from veracore_sync.domain.texts import visible

PREFIX = "veracore_sync_"

Sample = tuple[Mapping[str, object], object]
"""Labels, and a number (or its text)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its samples; `name` has no prefix, `help` may be empty."""

    name: str
    kind: Literal["gauge", "counter"]
    samples: Iterable[Sample]
    help: str = ""


def render(metrics: Iterable[Metric]) -> str:
    """The metrics as one text, in their order."""
    return "".join(f"{line}\n" for metric in metrics for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    name = PREFIX + metric.name
    if metric.help:
        yield f"# HELP {name} {visible(metric.help)}"
    yield f"# TYPE {name} {metric.kind}"
    for labels, value in metric.samples:
        yield f"{name}{_label_set(labels)} {value}"


def _label_set(labels: Mapping[str, object]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(str(v))}"' for name, v in labels.items()) + "}"


def _escaped(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return visible(escaped)
