"""Everything that evaluate remembers of one watch. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

from smartwatch_contracts.events import Severity

from evaluate.observations import Observation


@dataclass(frozen=True, slots=True)
class Announced:
    """An alert as the rest of the platform knows it. `cleared_at` is None while it is open."""

    alert_id: str
    rule_id: str
    started_at: int
    severity: Severity
    cleared_at: int | None = None


@dataclass(frozen=True, slots=True)
class LateLane:
    """How far late readings have been looked at.

    `covered` are the stretches of event time that have been decided, late or not: a repeated reading is in one of them.
    """

    machine: Mapping[str, Any] | None = None
    at: int | None = None
    covered: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known of a watch's clock. `lag` is receipt minus event time, in ms, where it began to be wrong."""

    machine: Mapping[str, Any] | None = None
    lag: int | None = None
    last_received_at: int | None = None


@dataclass(frozen=True)
class DeviceState:
    """The alarm state of one watch.

    `head` is the machine after every reading; `checkpoint` the machine before those of `recent`, from which they are
    taken again when one comes out of order. `unpublished` holds events that were decided and saved but perhaps not yet
    published, as bus envelopes: whoever finds them publishes them. `version` counts saves; 0 was never saved.
    `ruled_by` is the digest of the rules that decided last.
    """

    device_id: str
    version: int = 0
    ruled_by: str = ""
    head: Mapping[str, Any] | None = None
    checkpoint: Mapping[str, Any] | None = None
    checkpoint_at: int | None = None
    recent: tuple[Observation, ...] = ()
    announced: tuple[Announced, ...] = ()
    late: LateLane = field(default_factory=LateLane)
    clock: Clock = field(default_factory=Clock)
    unpublished: tuple[Mapping[str, Any], ...] = ()

    @property
    def watched(self) -> bool:
        """Whether readings of this watch must be looked at even when they are all quiet."""
        return (
            bool(self.unpublished)
            or any(alert.cleared_at is None for alert in self.announced)
            or bool(self.head and self.head["states"])
            or bool(self.clock.machine and self.clock.machine["states"])
        )

    @property
    def effort_at(self) -> int | None:
        """When the wearer last made an effort, in event time."""
        return self.head["context"]["effortAt"] if self.head else None

    @property
    def activity(self) -> str:
        """What the wearer did last; `settling` when more readings are needed to tell."""
        return str(self.head["context"]["activity"]) if self.head else "unknown"

    def dump(self) -> dict[str, Any]:
        """As JSON, without the id, the version and what is unpublished."""
        return {
            "ruledBy": self.ruled_by,
            "head": self.head,
            "checkpoint": self.checkpoint,
            "checkpointAt": self.checkpoint_at,
            "recent": [list(observation) for observation in self.recent],
            "announced": [list(astuple(alert)) for alert in self.announced],
            "late": list(astuple(self.late)),
            "clock": list(astuple(self.clock)),
        }

    @classmethod
    def load(
        cls, device_id: str, version: int, dumped: Mapping[str, Any], unpublished: tuple[Mapping[str, Any], ...]
    ) -> DeviceState:
        machine, at, covered = dumped["late"]
        return cls(
            device_id=device_id,
            version=version,
            ruled_by=dumped["ruledBy"],
            head=dumped["head"],
            checkpoint=dumped["checkpoint"],
            checkpoint_at=dumped["checkpointAt"],
            recent=tuple(Observation(*observation) for observation in dumped["recent"]),
            announced=tuple(Announced(*alert) for alert in dumped["announced"]),
            late=LateLane(machine, at, tuple((since, until) for since, until in covered)),
            clock=Clock(*dumped["clock"]),
            unpublished=unpublished,
        )
