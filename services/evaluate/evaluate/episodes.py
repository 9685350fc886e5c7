"""The alarm state of one watch: which episodes are open, which are over. Values only."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

#: Closed episodes that one rule remembers for one watch: a repeated reading inside one of them raises nothing.
CLOSED_EPISODES_KEPT = 50


class _State(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class OpenEpisode(_State):
    """An episode that has not cleared. Times are event times in milliseconds since 1970.

    `unrecovered_at` is the latest reading that was not recovered; `recovered_at` are the recovered ones after it.
    """

    alert_id: str
    started_at: int
    unrecovered_at: int
    recovered_at: tuple[int, ...] = ()


class ClosedEpisode(_State):
    """From the first breach to the reading that cleared it, both included."""

    started_at: int
    cleared_at: int


class RuleState(_State):
    """One rule on one watch. Breaches before `forgotten_before` belong to episodes that are no longer remembered."""

    open: OpenEpisode | None = None
    closed: tuple[ClosedEpisode, ...] = ()
    forgotten_before: int = 0

    def covers(self, timestamp: int) -> bool:
        """Whether a breach at `timestamp` belongs to an episode that is over."""
        return timestamp < self.forgotten_before or any(
            episode.started_at <= timestamp <= episode.cleared_at for episode in self.closed
        )

    def closing(self, episode: OpenEpisode, cleared_at: int) -> RuleState:
        """This state with `episode` moved to the closed ones, the oldest forgotten beyond the limit."""
        closed = sorted(
            (*self.closed, ClosedEpisode(started_at=episode.started_at, cleared_at=cleared_at)),
            key=lambda closed_episode: closed_episode.started_at,
        )
        kept = closed[-CLOSED_EPISODES_KEPT:]
        forgotten = closed[: len(closed) - len(kept)]
        horizon = max((episode.cleared_at + 1 for episode in forgotten), default=self.forgotten_before)
        return RuleState(open=None, closed=tuple(kept), forgotten_before=max(horizon, self.forgotten_before))


class DeviceState(_State):
    """Everything that evaluate remembers of one watch.

    `unpublished` holds events that were decided and saved but perhaps not yet published, as bus envelopes: whoever
    finds them publishes them. `version` counts saves; 0 was never saved.
    """

    device_id: str
    version: int = 0
    rules: Annotated[dict[str, RuleState], Field(default_factory=dict)]
    unpublished: tuple[dict[str, Any], ...] = ()

    @property
    def watched(self) -> bool:
        """Whether readings of this watch must be looked at even when they are all normal."""
        return bool(self.unpublished) or any(rule.open for rule in self.rules.values())
