"""What the parts say to one another: schemas, stored examples of every version, and the rules that route them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from moto.events.models import EventPattern
from smartwatch_contracts.catalogue import CATALOGUE, EventType
from smartwatch_contracts.device import ReadingsPayload, SingleReadingPayload
from smartwatch_contracts.schemas import rendered, schemas

from tests.support.project import ROOT, event_example, example, resources

RULES = {name: rule for name, rule in resources("AWS::Events::Rule").items() if "EventPattern" in rule}

#: Rules that end with a person being told; the others may see replays.
TO_PEOPLE = {
    "EvaluateRule",
    "EvaluatePresenceRule",
    "EscalationRule",
    "NotifyClearedRule",
    "NotifyRecordRule",
    "UnansweredRule",
}

types = pytest.mark.parametrize("event_type", CATALOGUE, ids=lambda t: f"{t.detail_type}.v{t.version}")
rules = pytest.mark.parametrize("name", RULES)


def _matches(rule: str, event: dict[str, Any]) -> bool:
    """By moto's own matcher, an implementation that is not ours."""
    return bool(EventPattern.load(json.dumps(RULES[rule]["EventPattern"])).matches_event(event))


def test_the_committed_schemas_are_what_the_models_say() -> None:
    committed = {path.name: path.read_text() for path in (ROOT / "contracts/schemas").glob("*.json")}

    assert committed == {name: rendered(schema) for name, schema in schemas().items()}


def test_every_schema_has_an_example_and_every_example_a_schema() -> None:
    names = {path.name for path in (ROOT / "contracts/examples").glob("*.json")}

    assert names == set(schemas())


@pytest.mark.parametrize("name", sorted(schemas()))
def test_every_example_is_valid_by_its_committed_schema(name: str) -> None:
    schema = json.loads((ROOT / "contracts/schemas" / name).read_text())

    jsonschema.validate(example(name), schema, cls=jsonschema.Draft202012Validator)


@types
def test_every_stored_example_parses_and_is_written_as_it_was(event_type: EventType) -> None:
    stored = example(f"{event_type.source}.{event_type.detail_type}.v{event_type.version}.json")

    parsed = event_type.parse(stored)

    assert json.loads(parsed.to_json()) == {**stored, "occurredAt": "2023-11-14T22:13:21.500000Z"}
    assert (parsed.source, parsed.type, parsed.version) == (
        event_type.source,
        event_type.detail_type,
        event_type.version,
    )


def test_the_single_reading_is_exactly_the_shape_that_watches_have_always_sent() -> None:
    sent = example("device.SingleReading.v1.json")

    assert sent == {"deviceId": "watch-001", "timestamp": 1700000000, "heartRate": 72, "steps": 4, "spo2": 98}
    assert SingleReadingPayload.model_validate(sent).heart_rate == 72


def test_the_array_form_carries_several_readings_under_one_device() -> None:
    assert len(ReadingsPayload.model_validate(example("device.Readings.v1.json")).readings) == 2


def test_the_schema_of_a_device_payload_knows_its_bounds() -> None:
    heart_rate = schemas()["device.SingleReading.v1.json"]["properties"]["heartRate"]["anyOf"][0]

    assert (heart_rate["minimum"], heart_rate["maximum"], heart_rate["type"]) == (0, 300, "integer")


@rules
def test_every_rule_matches_an_event_that_some_service_really_emits(name: str) -> None:
    assert any(_matches(name, event_example(event_type)) for event_type in CATALOGUE)


@rules
def test_every_rule_names_a_version_of_the_catalogue(name: str) -> None:
    pattern = RULES[name]["EventPattern"]
    (source,), (version,) = pattern["source"], pattern["detail"]["version"]

    for detail_type in pattern["detail-type"]:
        assert any((t.source, t.detail_type, t.version) == (source, detail_type, version) for t in CATALOGUE)


@rules
def test_no_rule_that_can_reach_a_person_matches_a_replayed_event(name: str) -> None:
    replayed = [{**event_example(event_type), "replay-name": "yesterday"} for event_type in CATALOGUE]

    assert any(_matches(name, event) for event in replayed) == (name not in TO_PEOPLE)


def test_a_raised_alert_begins_its_escalation_and_is_known_to_the_auditor() -> None:
    raised = event_example(next(t for t in CATALOGUE if t.detail_type == "AlertRaised"))

    assert {name for name in RULES if _matches(name, raised)} == {"EscalationRule", "NotifyRecordRule"}


def test_a_stalled_escalation_is_announced_and_begins_nothing() -> None:
    stalled = event_example(next(t for t in CATALOGUE if t.detail_type == "EscalationStalled"))

    assert [name for name in RULES if _matches(name, stalled)] == []


def test_the_work_list_of_unanswered_escalations_takes_no_drills() -> None:
    exhausted = next(t for t in CATALOGUE if t.detail_type == "EscalationExhausted")
    drill = event_example(exhausted)
    drill["detail"]["data"]["drill"] = True

    assert not _matches("UnansweredRule", drill)


@pytest.mark.parametrize("detail_type", ["TechnicalAlertRaised", "RetrospectiveEpisodeFound", "AlertSeverityChanged"])
def test_nothing_but_a_raised_alert_starts_an_escalation(detail_type: str) -> None:
    event = event_example(next(t for t in CATALOGUE if t.detail_type == detail_type))

    assert not _matches("EscalationRule", event)


def test_the_escalation_gets_only_what_an_alert_has_and_no_measured_value() -> None:
    transformer = RULES["EscalationRule"]["Targets"][0]["InputTransformer"]
    raised = event_example(next(t for t in CATALOGUE if t.detail_type == "AlertRaised"))

    for path in transformer["InputPathsMap"].values():
        value: Any = raised
        for part in path.removeprefix("$.").split("."):
            value = value[part]
    assert "$.detail.data.value" not in transformer["InputPathsMap"].values()
