"""The counter: what people see and do over HTTP is what the alerts say; a link never breaks a message."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from notify import links
from notify.counter import Counter, SignedLinks
from notify.desk import Acknowledged, AlertView, Already, LinkKeys, Unknown, UnreachableError, Used
from notify.links import Key, Keys
from notify.ports import PublishError

from tests.support.builders import NOW, T0
from tests.support.notify_world import DRILL, World, a_telling

NOW_MS = int(NOW.timestamp() * 1000)
KEYS = Keys(Key("new", b"n" * 48))
UNREACHABLE = [
    EndpointConnectionError(endpoint_url="https://dynamodb"),
    ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "GetItem"),
    PublishError("no"),
]


class FakeKeys(LinkKeys):
    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def keys(self, wanted: str | None = None) -> Keys:
        if self._error is not None:
            raise self._error
        return KEYS


def joined() -> World:
    world = World()
    world.plan()
    world.plan(world.another("a2"))
    return world


# --------------------------------------------------------------------------------------------------------------- links


def test_a_link_names_the_alert_the_recipient_and_when_it_ends() -> None:
    made = SignedLinks(FakeKeys(), "https://answers/", 3600).acknowledgement("a1", "ada", "1.0/ada/0", NOW)

    base, token = made.rsplit("/", 1)
    claims = links.read(token, KEYS, NOW.timestamp())
    assert base == "https://answers/ack"
    assert (claims.alert_id, claims.recipient) == ("a1", "ada")
    assert claims.expires_at == int(NOW.timestamp()) + 3600


def test_each_message_has_a_link_of_its_own_and_the_same_when_it_is_tried_again() -> None:
    signed = SignedLinks(FakeKeys(), "https://answers", 3600)
    first, again, other = (signed.acknowledgement("a1", "ada", key, NOW) for key in ("1.0", "1.0", "1.1"))

    assert first == again != other


@pytest.mark.parametrize(
    ("signed", "alert_id"),
    [
        (SignedLinks(FakeKeys(), "", 3600), "a1"),
        (SignedLinks(FakeKeys(UnreachableError("no keys")), "https://answers", 3600), "a1"),
        (SignedLinks(FakeKeys(), "https://answers", 3600), "a" * 129),
        (SignedLinks(FakeKeys(), "https://answers", 3600), ""),
    ],
)
def test_where_no_link_can_be_made_the_message_goes_out_without_one(signed: SignedLinks, alert_id: str) -> None:
    assert signed.acknowledgement(alert_id, "ada", "1.0", NOW) == ""


# -------------------------------------------------------------------------------------------------------------- looking


def test_looking_shows_the_alert_and_changes_nothing() -> None:
    world = World()
    before = (world.record(), world.timeline())

    assert Counter(world.deps).look("a1") == AlertView(
        alert_id="a1",
        title="Heart rate above 150 bpm",
        severity="critical",
        device_id="watch-002",
        started_at=T0,
        status="open",
    )
    assert (world.record(), world.timeline()) == before


def test_an_unknown_alert_is_none() -> None:
    assert Counter(World().deps).look("nosuch") is None


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        ("open", True),
        ("exhausted", True),
        ("technical", True),
        ("acknowledged", False),
        ("cleared", False),
        ("retrospective", False),
    ],
)
def test_people_see_whether_the_alert_waits_for_them(status: str, waits: bool) -> None:
    world = World()
    world.change(status=status)

    view = Counter(world.deps).look("a1")

    assert view is not None
    assert (view.status, view.waits) == (status, waits)


def test_who_has_taken_it_and_when_is_seen_and_that_it_is_a_drill() -> None:
    world = World(claimed=False)
    world.claim(DRILL)
    world.acknowledge(by="ada", link="link-1")

    view = Counter(world.deps).look("a1")

    assert view is not None
    assert (view.acknowledged_by, view.acknowledged_at, view.drill) == ("ada", NOW_MS, True)
    assert view.used_links == {"link-1"}


def test_an_alert_that_has_joined_another_is_seen_as_that_one_stands() -> None:
    world = joined()
    world.acknowledge("a1", by="ada", link="link-1")

    view = Counter(world.deps).look("a2")

    assert view is not None
    assert (view.status, view.joined, view.acknowledged_by) == ("acknowledged", "a1", "ada")
    assert view.used_links == {"link-1"}


def test_a_member_that_is_over_is_over_whatever_the_others_do() -> None:
    world = joined()
    world.clear("a2")

    view = Counter(world.deps).look("a2")

    assert view is not None
    assert (view.status, view.waits) == ("cleared", False)


# ------------------------------------------------------------------------------------------------------------ answering


def test_an_acknowledgement_over_http_is_an_acknowledgement() -> None:
    world = World()

    assert Counter(world.deps).acknowledge("a1", "ada", via="link", token_id="x") == Acknowledged("ada", NOW_MS)
    assert world.record().used_links == {"x"}
    assert world.alerts.items["a1"].timeline[-1].through == "link"


def test_each_refusal_has_its_name() -> None:
    world = World()
    counter = Counter(world.deps)
    counter.acknowledge("a1", "ada", via="link", token_id="x")

    assert counter.acknowledge("nosuch", "ada", via="link", token_id="x") == Unknown()
    assert counter.acknowledge("a1", "ada", via="link", token_id="x") == Used()
    assert counter.acknowledge("a1", "ben", via="link", token_id="y") == Already("acknowledged", "ada", NOW_MS)
    world.change(status="cleared", acknowledged_by=None, acknowledged_at=0)
    assert counter.acknowledge("a1", "ben", via="link", token_id="y") == Already("cleared", None, None)


@pytest.mark.parametrize("error", UNREACHABLE)
def test_what_can_not_be_reached_just_now_is_said_so_and_the_next_call_finishes_it(error: Exception) -> None:
    world = World()
    world.plan()
    world.tell(a_telling())
    counter, publish = Counter(world.deps), world.bus.publish

    def broken(_: Any) -> None:
        raise error

    world.bus.publish = broken  # type: ignore[method-assign]
    with pytest.raises(UnreachableError):
        counter.acknowledge("a1", "ada", via="link", token_id="x")
    world.bus.publish = publish  # type: ignore[method-assign]

    assert counter.acknowledge("a1", "ada", via="link", token_id="x") == Used()
    assert [event.data.acknowledged_by for event in world.bus.published] == ["ada"]


def test_a_table_that_can_not_be_reached_is_said_so() -> None:
    world = World()

    def broken(_: str) -> Any:
        raise UNREACHABLE[0]

    world.alerts.get = broken  # type: ignore[method-assign]
    with pytest.raises(UnreachableError):
        Counter(world.deps).look("a1")
