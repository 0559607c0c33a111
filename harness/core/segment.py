"""Named subsets of the examples, as they are declared and as they are found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

MISSING = "(missing)"
"""Value of the segment that holds the examples whose column is empty."""

OTHER = "(other)"
"""Value of the segment into which small segments were merged."""

LengthUnit = Literal["bytes", "characters", "words", "tokens"]


@dataclass(frozen=True, order=True)
class Segment:
    """One segment. `values` holds one (segmentation name, value) pair, or several for a product."""

    segmentation: str
    values: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """How items and reports call it: `language:bn,length:0..20`."""
        return ",".join(f"{name}:{value}" for name, value in self.values)

    @property
    def value(self) -> str:
        """How `critical:` names it: `bn`, or `bn,0..20` for a product."""
        return ",".join(value for _, value in self.values)

    def as_mapping(self) -> dict[str, str]:
        """`{"language": "bn", "length": "0..20"}`, the form of result.json."""
        return dict(self.values)


@dataclass(frozen=True)
class ByColumn:
    """Every value of a column is a segment."""

    column: str


@dataclass(frozen=True)
class ByBins:
    """Bins [low, high) of a number, or of the length of a text when `by` is given.

    Exactly one of `edges` (ascending; the last bin is open above, and so is the first below when values lie there)
    and `quantiles` (number of equally filled bins) is set.
    """

    column: str
    edges: tuple[float, ...] | None = None
    quantiles: int | None = None
    by: LengthUnit | None = None
    tokenizer: str | None = None

    @property
    def words(self) -> str:
        """The rule in words, which are equal exactly when the rules are: `4 quantiles of 'text' by tokens (tokenizer.json)`."""
        cut = f"{self.quantiles} quantiles" if self.edges is None else f"edges {', '.join(map(repr, self.edges))}"
        length = f" by {self.by}" if self.by else ""
        return f"{cut} of {self.column!r}{length}" + (f" ({self.tokenizer})" if self.tokenizer else "")


@dataclass(frozen=True)
class ByPredicate:
    """The examples for which a predicate of the small `where:` grammar holds."""

    where: str


@dataclass(frozen=True)
class ByProduct:
    """Every combination of the segments of other segmentations."""

    of: tuple[str, ...]


Rule = ByColumn | ByBins | ByPredicate | ByProduct


@dataclass(frozen=True)
class SegmentationSpec:
    """One entry of `segments:`."""

    name: str
    rule: Rule
    min_examples: int = 1
    otherwise: Literal["merge", "keep"] = "keep"


@dataclass(frozen=True)
class SegmentRule:
    """What one check asks of one segmentation."""

    critical: tuple[str, ...] | Literal["all", "none"] = "none"
    max_drop: object | None = field(default=None)

    def is_critical(self, value: str) -> bool:
        """Whether the segment with this value must neither vanish nor stay unproven."""
        return self.critical == "all" or (self.critical != "none" and value in self.critical)


def segment_named(segmentation: str, parts: Sequence[str], value: str) -> Segment:
    """The segment that `critical:` means by `value`: `bn`, or `bn,0..20` for a product of the segmentations `parts`.

    Where a value of a product holds commas itself, the last part gets what is left.
    """
    values = value.split(",", len(parts) - 1)
    values += [""] * (len(parts) - len(values))
    return Segment(segmentation, tuple(zip(parts, values, strict=True)))


def segments_labelled(labels: Iterable[str], parts: Mapping[str, Sequence[str]]) -> tuple[Segment, ...]:
    """The segments that labels such as `language:bn,length:0..20` stand for, in their order.

    `parts` maps each segmentation to those it is made of (itself, unless it is a product). Values may hold commas and
    colons: a label belongs to the segmentation with the most parts that fits it. One that fits none is left out.
    """
    by_size = sorted(parts.items(), key=lambda item: -len(item[1]))
    patterns = [(name, of, re.compile(",".join(f"{re.escape(part)}:(.*)" for part in of), re.DOTALL)) for name, of in by_size]
    found = []
    for label in labels:
        matches = ((name, of, match) for name, of, pattern in patterns if (match := pattern.fullmatch(label)))
        for name, of, match in matches:
            found.append(Segment(name, tuple(zip(of, match.groups(), strict=True))))
            break
    return tuple(found)
