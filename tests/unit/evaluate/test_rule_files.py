"""Documents that people write: what is wrong is said with its line."""

from __future__ import annotations

import pytest
from evaluate import rule_files
from evaluate.rule_files import BUILT_IN, built_in, profile, rule_set
from hypothesis import given, settings
from hypothesis import strategies as st
from smartwatch_contracts.documents import DocumentError

SIMPLE = rule_files.built_in_text("simple")


def mistakes(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        rule_set(text)
    return str(caught.value)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_rule_set_is_called_as_its_file(name: str) -> None:
    assert built_in(name).name == name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("above: 150", "above: high"), "line 15: rules[0].bands[0].when.above: Input should be a valid number"),
        (
            ("severity: critical", "severity: grave"),
            "line 14: rules[0].bands[0].severity: Input should be 'warning' or",
        ),
        (("    title: Heart rate above 150 bpm\n", ""), "line 11: rules[0].title: Field required"),
        (("version:", "vresion:"), "line 3: vresion: Extra inputs are not permitted"),
        (("below: 146", "below: 160"), "line 11: heart-rate-high: it would clear at 160 and open at 150"),
        (("id: heart-rate-low", "id: heart-rate-high"), "two rules have the id heart-rate-high"),
        (("title: Heart rate above 150 bpm", "title: Herzfrequenz über 150"), "line 12: rules[0].title: String should"),
        (("name: simple", "name: simple\nname: other"), "line 3: name stands twice"),
        (("rules:", "rules: ["), "line "),
    ],
)
def test_a_mistake_is_said_with_its_line_and_its_place(change: tuple[str, str], said: str) -> None:
    assert said in mistakes(SIMPLE.replace(*change, 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: must be a mapping of fields"),
        ("- a\n- b", "line 1: must be a mapping of fields"),
        ("a: &x [1]\nb: *x", "line 1: aliases are not allowed"),
        ("a: !!python/object:os.system {}", "line 1: could not determine a constructor"),
        ("? [a, b]\n: 1\n", "line 1: a field's name must be plain text"),
        ("x" * 200_000, "line 1: the document is longer than 100000 bytes"),
        ("[" * 5000, "line 1: not YAML"),
    ],
)
def test_what_is_no_rule_set_is_refused_in_one_line(text: str, said: str) -> None:
    assert mistakes(text).startswith(said)


RULE = """
name: test
version: "1"
rules:
  - id: r
    title: R
    bands: [{band}]
    clear: {{when: {{signal: heartRate, below: 100}}}}
"""


@pytest.mark.parametrize(
    ("band", "said"),
    [
        ("{severity: critical, when: {signal: heartRate, above: 120, below: 50}}", "needs either above or below"),
        ("{severity: critical, when: {signal: heartRate}}", "needs either above or below"),
        ("{severity: critical, when: {signal: heartRate, above: .nan}}", "Input should be a finite number"),
        ("{severity: critical, when: {signal: heartRate, above: .inf}}", "Input should be a finite number"),
        (
            "{severity: critical, when: {signal: heartRate, above: 1.0e+308}}",
            "r: no plausible value is on one side of 1e+308",
        ),
        (
            "{severity: critical, when: {signal: heartRate, above: 120}, atOnce: 150}",
            "atOnce shrinks the forSeconds of a single above or below",
        ),
        (
            "{severity: critical, when: {signal: heartRate, above: 120}, forSeconds: 9, atOnce: 110}",
            "r: atOnce lies before the limit",
        ),
        (
            "{severity: critical, when: {signal: heartRate, above: 120}, ofLast: {breaching: 5, readings: 3}}",
            "breaching can't be more than readings",
        ),
        (
            "{severity: critical, when: {signal: heartRate, fallsPerMinute: 40, overSeconds: 30}}",
            "a change needs a level beside it",
        ),
        ("{severity: critical, when: {fault: no-signal, signal: heartRate}}", "a rule about a fault is technical"),
        ("{severity: critical, when: {fault: no-signal}}", "need a signal"),
        ("{severity: critical, when: {fault: off-wrist, present: false}}", "a band needs a fault that is present"),
        ("{severity: critical, when: {signal: battery, above: 50}}", "a battery can be too low, not too high"),
        (
            "{severity: critical, when: {all: [{signal: heartRate, above: 120}, {signal: heartRate, below: 100}]}}",
            "r: nothing is above 120 and below 100",
        ),
        ("{severity: critical, when: {signal: heartRate, above: {ofMaximum: 1, ofReserve: 1}}}", "exactly one of"),
        ("{severity: critical, when: {signal: spo2, below: {ofMaximum: 1}}}", "only heart rate has limits of"),
        (
            "{severity: critical, when: {signal: heartRate, above: 120}},"
            " {severity: warning, when: {signal: heartRate, above: 110}}",
            "bands go from warning to critical",
        ),
        (
            "{severity: warning, when: {signal: heartRate, above: 130}},"
            " {severity: critical, when: {signal: heartRate, above: 120}}",
            "r: the critical limit lies before the warning limit",
        ),
    ],
)
def test_a_band_that_makes_no_sense_is_refused(band: str, said: str) -> None:
    assert said in mistakes(RULE.format(band=band))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("below: 146", "below: -5"), "heart-rate-high: no plausible value is on one side of -5"),
        (
            ("heartRate: {atLeast: 1,", "heartRate: {atLeast: 0,"),
            "plausible.heartRate.atLeast: Input should be",
        ),
        (("heartRate: {atLeast: 1,", "heartRate: {atLeast: 300,"), "plausible.heartRate: atLeast must be below atMost"),
    ],
)
def test_a_rule_set_that_could_never_open_or_never_clear_is_refused(change: tuple[str, str], said: str) -> None:
    assert said in mistakes(SIMPLE.replace(*change, 1))


def test_a_profile_whose_limit_no_value_or_every_value_passes_is_refused() -> None:
    for limit in (-1.0e300, 1.0e308):
        with pytest.raises(DocumentError, match="no plausible value is on one side"):
            profile(f"{{deviceId: w, limits: {{heart-rate-high: {{critical: {limit}}}}}}}", built_in("simple"))


def test_a_profile_is_checked_against_the_rules_that_it_will_be_used_with() -> None:
    rules = built_in("simple")

    assert profile("deviceId: watch-001\nage: 70", rules).age == 70
    with pytest.raises(DocumentError, match="limits for rules that simple does not have: nosuch"):
        profile("{deviceId: w, limits: {nosuch: {critical: 1}}}", rules)
    with pytest.raises(DocumentError, match="line 2: age: Input should be less than or equal to 120"):
        profile("deviceId: w\nage: 700", rules)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_no_text_is_ever_more_than_a_document_error(text: str) -> None:
    assert _is_good_or_refused(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(SIMPLE)), st.integers(0, 40), st.text(max_size=10))
def test_no_damage_to_a_good_document_is_ever_more_than_a_document_error(at: int, cut: int, put: str) -> None:
    assert _is_good_or_refused(SIMPLE[:at] + put + SIMPLE[at + cut :])


def _is_good_or_refused(text: str) -> bool:
    try:
        rule_set(text)
    except DocumentError as error:
        return str(error).startswith("line ")
    return True
