"""What holds of the decisions whatever the watches send, in whatever order, and however often."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from evaluate import rule_files
from evaluate.compiled import CompiledRules, compiled
from evaluate.domain import AlertEvent, evaluate
from evaluate.episodes import DeviceState
from evaluate.machine import Episode, Machine
from evaluate.observations import Observation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from smartwatch_contracts.events import AlertClearedV1, AlertRaisedV1, TechnicalAlertRaisedV1

from tests.support.builders import T0

#: Every kind of condition, with delays that are over within a test.
EVERY_KIND = rule_files.rule_set("""
name: every-kind
version: "1"
activity: {settleSeconds: 20}
rules:
  - id: bands
    title: Two bands, a delay that shrinks
    bands:
      - severity: warning
        when: {signal: heartRate, above: 120}
        forSeconds: 20
        readings: 2
        atOnce: 160
      - severity: critical
        when: {signal: heartRate, above: 150}
        forSeconds: 5
    clear: {when: {signal: heartRate, below: 110}, forSeconds: 5, readings: 2}
  - id: at-rest
    title: Only at rest
    during: [resting, unknown]
    bands: [{severity: warning, when: {signal: heartRate, above: 100}, forSeconds: 10}]
    clear: {when: {signal: heartRate, below: 95}, readings: 2}
  - id: of-last
    title: Some of the last readings
    bands: [{severity: critical, when: {signal: spo2, below: 90}, ofLast: {breaching: 3, readings: 5}}]
    clear: {when: {signal: spo2, above: 92}, readings: 3}
  - id: falling
    title: Falls, and is low
    bands:
      - severity: critical
        when: {all: [{signal: heartRate, fallsPerMinute: 60, overSeconds: 20}, {signal: heartRate, below: 60}]}
    clear: {when: {signal: heartRate, above: 65}, readings: 2}
  - id: either
    title: Either of two
    bands:
      - severity: warning
        when: {any: [{signal: heartRate, above: 170}, {signal: spo2, below: 85}]}
        forSeconds: 3
    clear: {when: {all: [{signal: heartRate, below: 160}, {signal: spo2, above: 88}]}, readings: 1}
  - id: no-signal
    title: No signal
    kind: technical
    inhibits: [heartRate]
    bands: [{severity: warning, when: {fault: no-signal, signal: heartRate}, forSeconds: 6}]
    clear: {when: {fault: no-signal, signal: heartRate, present: false}, readings: 2}
  - id: implausible
    title: Can not be
    kind: technical
    inhibits: [heartRate]
    bands: [{severity: warning, when: {fault: implausible, signal: heartRate}, ofLast: {breaching: 2, readings: 4}}]
    clear: {when: {fault: implausible, signal: heartRate, present: false}, readings: 3}
  - id: not-worn
    title: Not worn
    kind: technical
    inhibits: [heartRate, spo2]
    bands: [{severity: warning, when: {fault: off-wrist}, forSeconds: 6}]
    clear: {when: {fault: off-wrist, present: false}, readings: 1}
""")
RULES = {"every kind": compiled(EVERY_KIND), "default": compiled(rule_files.built_in("default"))}

#: All readings are received at the end, so that none of them is late: their span is below the limits of age and clock.
SPAN_SECONDS = 230
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "2000"))

heart_rates = st.sampled_from([None, 0, 38, 55, 72, 96, 104, 115, 125, 155, 175, 205, 290])
saturations = st.sampled_from([None, 0, 79, 86, 89.5, 91, 93, 97])


@st.composite
def streams(draw: st.DrawFn) -> list[Observation]:
    """Readings of one watch in order: stretches of a few readings in which little changes."""
    at, made = 0, []
    for _ in range(draw(st.integers(1, 7))):
        heart_rate, spo2 = draw(heart_rates), draw(saturations)
        on_wrist = draw(st.sampled_from([None, None, None, True, False]))
        activity = draw(st.sampled_from([None, None, "running", "resting"]))
        steps = draw(st.sampled_from([None, 0, 2, 12]))
        for _ in range(draw(st.integers(1, 8))):
            at += draw(st.sampled_from([1, 1, 3, 5, 9]))
            if at > SPAN_SECONDS:
                return made
            made.append(
                Observation(
                    T0 + at * 1000, T0 + SPAN_SECONDS * 1000, heart_rate, spo2, steps, on_wrist, None, None, activity
                )
            )
    return made


def in_batches(stream: Sequence[Observation], cuts: Sequence[int]) -> list[Sequence[Observation]]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[since:until] for since, until in pairwise(edges) if until > since]


def in_any_order(stream: Sequence[Observation], seed: int) -> list[Observation]:
    shuffled = list(stream)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 (an order, not a secret)
    return shuffled


def told(rules: CompiledRules, batches: Sequence[Sequence[Observation]]) -> tuple[DeviceState, list[AlertEvent]]:
    """The state and the events after some batches; the state goes through JSON after each, as it does in the table."""
    state, events = DeviceState("watch-001"), []
    for batch in batches:
        outcome = evaluate(rules, state, batch)
        events.extend(outcome.events)
        state = DeviceState.load("watch-001", 0, json.loads(json.dumps(outcome.state.dump())), ())
    return state, events


def episodes(rules: CompiledRules, state: DeviceState) -> list[Episode]:
    return Machine.load(rules, state.head).episodes


properties = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
both = pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
cuts = st.lists(st.integers(0, 60), max_size=6)


@both
@given(stream=streams(), first=cuts, second=cuts)
@properties
def test_splitting_the_same_readings_differently_gives_the_same_events(
    rules: CompiledRules, stream: list[Observation], first: list[int], second: list[int]
) -> None:
    assert told(rules, in_batches(stream, first)) == told(rules, in_batches(stream, second))


@both
@given(stream=streams(), cuts=cuts, seed=st.integers(0, 10_000))
@properties
def test_any_order_gives_the_same_episodes(
    rules: CompiledRules, stream: list[Observation], cuts: list[int], seed: int
) -> None:
    shuffled = in_any_order(stream, seed)

    in_order, _ = told(rules, [stream])
    any_order, _ = told(rules, in_batches(shuffled, cuts))

    assert episodes(rules, any_order) == episodes(rules, in_order)


@both
@given(stream=streams(), cuts=cuts, repeated=st.lists(st.integers(0, 60), max_size=5))
@properties
def test_repeated_batches_change_nothing(
    rules: CompiledRules, stream: list[Observation], cuts: list[int], repeated: list[int]
) -> None:
    batches = in_batches(stream, cuts)
    again = list(batches)
    for index in repeated:
        if batches:
            again.insert(index % len(again) + 1, batches[index % len(batches)])

    once, events = told(rules, batches)
    state, more = told(rules, [*again, *batches])

    assert {e.model_dump_json() for e in events} <= {e.model_dump_json() for e in more} or again != batches
    assert episodes(rules, state) == episodes(rules, once)
    in_order_again, no_more = told(rules, [*batches, *batches])
    assert no_more == events
    assert in_order_again == once


@both
@given(stream=streams(), cuts=cuts, seed=st.integers(0, 10_000))
@properties
def test_an_alert_opens_once_and_never_twice_at_a_time(
    rules: CompiledRules, stream: list[Observation], cuts: list[int], seed: int
) -> None:
    shuffled = in_any_order(stream, seed)
    for order in (stream, shuffled):
        state = DeviceState("watch-001")
        open_alerts: dict[str, str] = {}
        seen: set[str] = set()
        for batch in in_batches(order, cuts):
            outcome = evaluate(rules, state, batch)
            state = outcome.state
            for event in outcome.events:
                if isinstance(event, AlertRaisedV1 | TechnicalAlertRaisedV1):
                    assert event.alert_id not in seen
                    seen.add(event.alert_id)
                    open_alerts[event.alert_id] = event.rule_id
                elif isinstance(event, AlertClearedV1):
                    del open_alerts[event.alert_id]
            assert len(set(open_alerts.values())) == len(open_alerts)


@both
@given(stream=streams(), cuts=cuts, seed=st.integers(0, 10_000))
@properties
def test_what_is_open_is_announced_as_open(
    rules: CompiledRules, stream: list[Observation], cuts: list[int], seed: int
) -> None:
    shuffled = in_any_order(stream, seed)

    state, events = told(rules, in_batches(shuffled, cuts))

    opened = {e.alert_id: e.rule_id for e in events if isinstance(e, AlertRaisedV1 | TechnicalAlertRaisedV1)}
    for event in events:
        if isinstance(event, AlertClearedV1):
            del opened[event.alert_id]
    assert sorted(opened.values()) == sorted(e.rule_id for e in episodes(rules, state) if e.ended_at is None)


@both
@given(stream=streams())
@properties
def test_between_an_alert_and_its_clear_nothing_flaps(rules: CompiledRules, stream: list[Observation]) -> None:
    """An episode ends only after a whole run of readings that satisfy the clear condition, and none in between."""
    state, _ = told(rules, [stream])
    clears = {rule.id: rule for rule in rules.rules}
    for episode in episodes(rules, state):
        if episode.ended_at is not None:
            rule = clears[episode.rule_id]
            run = [o for o in stream if episode.unrecovered_at < o.at <= episode.ended_at]
            assert len(run) >= rule.clear_readings
            assert episode.ended_at - run[0].at >= rule.clear_ms


SIMPLE = compiled(rule_files.built_in("simple"))


@given(stream=streams(), cuts=cuts, seed=st.integers(0, 10_000))
@properties
def test_a_change_of_rules_in_mid_stream_leaves_nothing_open_that_no_rule_knows(
    stream: list[Observation], cuts: list[int], seed: int
) -> None:
    choice = random.Random(seed)  # noqa: S311 (an order, not a secret)
    state = DeviceState("watch-001")
    for batch in in_batches(stream, cuts):
        under = choice.choice([*RULES.values(), SIMPLE])
        state = evaluate(under, state, batch).state
        state = DeviceState.load("watch-001", 0, json.loads(json.dumps(state.dump())), ())
        still_open = sorted(e.rule_id for e in episodes(under, state) if e.ended_at is None)
        assert sorted(a.rule_id for a in state.announced if a.cleared_at is None) == still_open
