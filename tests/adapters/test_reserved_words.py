"""No reserved word of DynamoDB is used as a name: what moto lets through, AWS refuses."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.support.project import ROOT, workflow
from tests.support.reserved import EXPRESSIONS, WORDS, reserved

TABLES = (
    "services/notify/notify/alerts_table.py",
    "services/notify/notify/throttles_table.py",
    "services/notify/notify/configuration.py",
    "services/evaluate/evaluate/presence_table.py",
    "simulator/stack.py",
)


def expressions(source: str) -> Iterator[str]:
    """Every text of a module that looks like an expression; what an f-string fills in is left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else ", " for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_expression(text: str) -> bool:
    return any(mark in text for mark in (" = :", "attribute_", "REMOVE ", "contains(", " <= :", " < :", "#"))


def test_the_list_is_that_of_aws() -> None:
    assert len(WORDS) == 573
    assert {"STATUS", "NAME", "TRACE", "SOURCE", "TIMESTAMP", "ZONE"} - WORDS == {"TRACE"}


def test_a_reserved_word_is_found_whatever_its_case_and_a_placeholder_is_none() -> None:
    assert reserved("SET status = :s, #name = :n, Hidden = :h REMOVE naming") == ["Hidden", "status"]
    assert reserved("attribute_exists(owner) AND size(held) > :size OR kind IN (:a)") == ["owner"]


@pytest.mark.parametrize("module", TABLES)
def test_no_expression_of_a_table_names_an_attribute_by_a_reserved_word(module: str) -> None:
    found = [text for text in expressions((ROOT / module).read_text()) if is_expression(text)]

    assert {text: reserved(text) for text in found if reserved(text)} == {}
    assert found


def test_no_expression_of_the_workflow_names_an_attribute_by_a_reserved_word() -> None:
    found = {
        f"{name} {parameter}": reserved(state["Parameters"][parameter])
        for name, state in workflow()["States"].items()
        for parameter in EXPRESSIONS
        if parameter in state.get("Parameters", {})
    }

    assert {where: words for where, words in found.items() if words} == {}
    assert "ClaimAlert UpdateExpression" in found
