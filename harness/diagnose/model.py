"""What a diagnosis takes and what it yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CauseKind = Literal["statement", "call", "span", "function", "library", "failure", "cache"]


@dataclass(frozen=True, slots=True)
class Cause:
    """One part of what a breach consists of.

    Attributes:
        what: The statement, the function, the kind of failure, on one line.
        share: Of `Explanation.about`, from 0 to 1.
        lower: Lower bound of the share, 95%; `upper` the upper one. They are the share itself where
            every event was counted.
        evidence: The numbers behind the share.
        place: "contacts.py:85" as the path in the service's own code; empty where it is unknown.
        advice: What to look at next.
    """

    kind: CauseKind
    what: str
    share: float
    lower: float
    upper: float
    evidence: str
    place: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The causes of the breach of one budget.

    Attributes:
        budget: Its name.
        about: What the shares are shares of.
        causes: Those beyond noise, the largest first.
        unexplained: The share that no cause has; None when nothing was analysed.
        note: Why there is no cause; empty when there is one.
    """

    budget: str
    about: str = ""
    causes: tuple[Cause, ...] = ()
    unexplained: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The explanations of all breaches of a run, with what they rest on.

    Attributes:
        requests: Number of traces that begin with the service's own span.
        spans: Number of spans.
        samples: Number of stacks in the profile.
    """

    explanations: tuple[Explanation, ...]
    requests: int
    spans: int
    samples: int
