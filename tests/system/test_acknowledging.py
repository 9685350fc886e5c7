"""People answer: by the link in a message, by the signed API, and in PagerDuty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from simulator.cloud.deploy import deploy
from simulator.cloud.settings import REGION
from tests.support.alarms import clear_alert, happened, item, link, raise_alert, states, status, timeline
from tests.support.chain import Chain, a_watch_name
from tests.support.clouds import eventually, running_cloud
from tests.support.messages import ROUTING_KEY
from tests.support.pagerduty import FakePagerDuty, running_pagerduty
from tests.support.resources import new_name
from tests.support.web import call

WEBHOOK_SECRET = "not-a-real-webhook-secret"
#: Nobody is told twice while a test looks.
COURSE = "{acknowledgementExpirySeconds: 300, steps: [{name: first, tell: [WHO], waitSeconds: 300}]}"
POLICY = f"{{name: NAME, team: care, severities: {{warning: {COURSE}, critical: {COURSE}}}}}"
ROSTER = """
name: default
teams:
  care-team: {channels: [{type: topic, topic: care-team}]}
  pager: {channels: [{type: pagerduty, service: nights}]}
fallback: {channels: [{type: topic, topic: on-call}]}
"""


@pytest.fixture(scope="module")
def pagerduty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakePagerDuty]:
    with running_pagerduty(tmp_path_factory.mktemp("pagerduty")) as account:
        yield account


@pytest.fixture(scope="module")
def chain(pagerduty: FakePagerDuty, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A stack of its own, which sends to that PagerDuty and knows its keys before anybody asks."""
    home: Path = tmp_path_factory.mktemp("acknowledging")
    with running_cloud(home / "cloud") as cloud:
        made = Chain(
            cloud, deploy(cloud.settings, parameters={"PagerDutyEventsUrl": pagerduty.events_url}), home / "watches"
        )
        keys = {"pagerduty": {"nights": {"routingKey": ROUTING_KEY, "webhookSecrets": [WEBHOOK_SECRET]}}}
        made.client("secretsmanager").put_secret_value(
            SecretId=made.outputs["ChannelSecretArn"], SecretString=json.dumps(keys)
        )
        made.configuration.rosters.put(ROSTER, "test")
        made.configuration.policies.put(POLICY.replace("NAME", "default").replace("WHO", "care-team"), "test")
        made.configuration.policies.put(POLICY.replace("NAME", "nights").replace("WHO", "pager"), "test")
        pagerduty.subscribe(f"{made.outputs['AnswersUrl']}/webhooks/pagerduty", WEBHOOK_SECRET)
        yield made


@pytest.fixture
def watch() -> str:
    return a_watch_name()


@pytest.fixture
def alert_id(chain: Chain, watch: str) -> str:
    """An alert of which the care team has been told."""
    raised = raise_alert(chain, watch)
    eventually(lambda: happened(chain, raised, "told"))
    return raised


# ---------------------------------------------------------------------------------------------------------- by the link


def test_opening_the_link_shows_the_alert_and_changes_nothing_however_often(chain: Chain, alert_id: str) -> None:
    url, before = link(chain, alert_id), item(chain, alert_id)

    answers = [call(url) for _ in range(10)]
    head = call(url, "HEAD")

    assert {code for code, _ in answers} == {200}
    assert all(b"Acknowledge</button>" in page and alert_id.encode() in page for _, page in answers)
    assert head == (200, b"")
    assert item(chain, alert_id) == before


def test_the_button_acknowledges_once_and_the_escalation_waits_for_the_recovery(
    chain: Chain, alert_id: str, watch: str
) -> None:
    url = link(chain, alert_id)

    pressed = call(url, "POST")

    assert pressed[0] == 200
    assert b"Acknowledged by you" in pressed[1]
    (entry,) = happened(chain, alert_id, "acknowledged")
    assert (status(chain, alert_id), entry["detail"], entry["through"]) == ("acknowledged", "by care-team", "link")
    eventually(lambda: states(chain, alert_id)[-1] == "AwaitRecovery")

    assert call(url, "POST")[0] == 410
    assert call(url)[0] == 410
    assert len(happened(chain, alert_id, "acknowledged")) == 1

    clear_alert(chain, alert_id, watch)

    eventually(lambda: states(chain, alert_id)[-1] == "Acknowledged")
    (over,) = eventually(lambda: happened(chain, alert_id, "said-cleared"))
    assert over["to"] == "care-team"


def test_a_link_of_which_a_byte_was_changed_is_not_valid(chain: Chain, alert_id: str) -> None:
    url, before = link(chain, alert_id), timeline(chain, alert_id)
    token = url.rpartition("/")[2]
    changed = [
        url.removesuffix(token) + token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        for place in range(0, len(token), len(token) // 12)
    ]

    answers = {call(each, method)[0] for each in changed for method in ("GET", "POST")}

    assert answers == {404}
    assert (status(chain, alert_id), timeline(chain, alert_id)) == ("open", before)


def test_a_link_acknowledges_the_alert_that_it_was_sent_for_and_no_other(chain: Chain, alert_id: str) -> None:
    another = raise_alert(chain, a_watch_name())

    assert call(link(chain, another), "POST")[0] == 200

    assert (status(chain, another), status(chain, alert_id)) == ("acknowledged", "open")


def test_whoever_comes_second_is_told_who_was_first(chain: Chain, alert_id: str) -> None:
    url = link(chain, alert_id)
    payload = {"action": "acknowledge", "alertId": alert_id, "acknowledgedBy": "Ana"}
    chain.client("lambda").invoke(FunctionName=chain.outputs["NotifyFunctionName"], Payload=json.dumps(payload))

    code, page = call(url, "POST")

    assert code == 409
    assert b"Already acknowledged by Ana" in page
    assert len(happened(chain, alert_id, "acknowledged")) == 1


def test_an_open_link_outlives_the_rotation_of_the_key(chain: Chain, alert_id: str) -> None:
    url, secrets = link(chain, alert_id), chain.client("secretsmanager")
    arn = chain.outputs["LinkKeyArn"]

    def keys() -> dict[str, Any]:
        return dict(json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]))

    before = keys()
    secrets.rotate_secret(SecretId=arn)
    eventually(lambda: keys()["id"] != before["id"])

    assert before["id"] in [key["id"] for key in keys()["previous"]]
    assert call(url)[0] == 200
    assert call(url, "POST")[0] == 200
    assert status(chain, alert_id) == "acknowledged"


# ------------------------------------------------------------------------------------------------------- the signed API


def _post(url: str, by: str, credentials: Credentials | None) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"by": by}).encode()
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=body)
    if credentials is not None:
        SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
    code, answer = call(url, "POST", dict(request.headers.items()), body)
    return code, json.loads(answer)


def _caller(chain: Chain, *, allowed: bool) -> tuple[str, Credentials]:
    """A user with a key, and its ARN; who is not allowed may call another path."""
    iam, name = chain.client("iam"), new_name("caller")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    api = chain.outputs["AnswersUrl"].rpartition("/")[2]
    path = "alerts/*/acknowledgements" if allowed else "elsewhere"
    resource = f"arn:aws:execute-api:{REGION}:000000000000:{api}/$default/POST/{path}"
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="call", PolicyDocument=document)
    return arn, Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def test_a_signed_call_acknowledges_and_whose_it_was_is_kept(chain: Chain, alert_id: str) -> None:
    url = f"{chain.outputs['AnswersUrl']}/alerts/{alert_id}/acknowledgements"
    arn, credentials = _caller(chain, allowed=True)

    code, answer = _post(url, "ward desk", credentials)

    assert (code, answer["alertId"], answer["acknowledgedBy"]) == (200, alert_id, "ward desk")
    (entry,) = happened(chain, alert_id, "acknowledged")
    assert (entry["detail"], entry["through"]) == ("by ward desk", arn)
    eventually(lambda: states(chain, alert_id)[-1] == "AwaitRecovery")
    assert _post(url, "ward desk", credentials)[0] == 409
    assert _post(url.replace(alert_id, "nosuch"), "ward desk", credentials)[0] == 404


def test_a_call_that_is_not_signed_or_not_allowed_acknowledges_nothing(chain: Chain, alert_id: str) -> None:
    url = f"{chain.outputs['AnswersUrl']}/alerts/{alert_id}/acknowledgements"
    _, stranger = _caller(chain, allowed=False)
    _, caller = _caller(chain, allowed=True)
    forger = Credentials(caller.access_key, "another secret")

    assert [_post(url, "x", each)[0] for each in (None, stranger, forger)] == [403, 403, 403]
    assert status(chain, alert_id) == "open"


# --------------------------------------------------------------------------------------------------------- in PagerDuty


@pytest.fixture
def paged(chain: Chain, watch: str, pagerduty: FakePagerDuty) -> str:
    """An alert that has gone to PagerDuty."""
    chain.configuration.put_profile(f"{{deviceId: {watch}, policy: nights}}", "test")
    raised = raise_alert(chain, watch)
    eventually(lambda: happened(chain, raised, "told"))
    return raised


def test_an_incident_is_acknowledged_in_pagerduty_and_resolved_by_the_clear(
    chain: Chain, paged: str, watch: str, pagerduty: FakePagerDuty
) -> None:
    (told,) = happened(chain, paged, "told")
    assert (told["to"], told["through"]) == ("pager", "pagerduty")
    assert pagerduty.incident(paged).status == "triggered"

    pagerduty.acknowledge(paged, user="Ada Example")
    pagerduty.settle()

    (entry,) = happened(chain, paged, "acknowledged")
    assert (status(chain, paged), entry["detail"], entry["through"]) == ("acknowledged", "by Ada Example", "pagerduty")
    eventually(lambda: states(chain, paged)[-1] == "AwaitRecovery")

    clear_alert(chain, paged, watch)

    eventually(lambda: pagerduty.incident(paged).status == "resolved")
    eventually(lambda: states(chain, paged)[-1] == "Acknowledged")
    assert [each.incident_key for each in pagerduty.incidents].count(paged) == 1
    assert pagerduty.incident(paged).log == [
        "triggered by Events API",
        "acknowledged by Ada Example",
        "resolved by Events API",
    ]


def test_an_acknowledgement_by_the_link_is_acknowledged_in_pagerduty_too(
    chain: Chain, paged: str, pagerduty: FakePagerDuty
) -> None:
    (event,) = [each for each in pagerduty.events if each["dedup_key"] == paged]

    assert call(event["links"][0]["href"], "POST")[0] == 200

    eventually(lambda: pagerduty.incident(paged).status == "acknowledged")
    pagerduty.settle()
    assert [entry["through"] for entry in happened(chain, paged, "acknowledged")] == ["link"]


def test_a_webhook_that_pagerduty_did_not_sign_acknowledges_nothing(
    chain: Chain, paged: str, pagerduty: FakePagerDuty
) -> None:
    event = {
        "id": "01FORGED",
        "event_type": "incident.acknowledged",
        "resource_type": "incident",
        "agent": {"id": "P1", "type": "user_reference", "summary": "Mallory"},
        "data": {"type": "incident", "incident_key": paged, "status": "acknowledged"},
    }

    forged = pagerduty.deliver(event, secret="a forger's")
    unsigned = call(f"{chain.outputs['AnswersUrl']}/webhooks/pagerduty", "POST", {}, json.dumps(event).encode())

    assert (forged.status, unsigned[0]) == (401, 401)
    assert status(chain, paged) == "open"


def test_a_webhook_that_is_delivered_again_changes_nothing(chain: Chain, paged: str, pagerduty: FakePagerDuty) -> None:
    pagerduty.acknowledge(paged)
    pagerduty.settle()
    delivered = next(each for each in pagerduty.deliveries if each.event["data"]["incident_key"] == paged)

    again = pagerduty.deliver(delivered.event)

    assert again.status == 200
    assert len(happened(chain, paged, "acknowledged")) == 1
