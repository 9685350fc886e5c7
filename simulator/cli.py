"""The `smartwatch` command. Each command parses, calls one function and prints what came of it.

Exit codes: 0 good, 1 the chain failed, 2 usage, 128 and the signal's number when one ended it. With `--json`, standard
output holds one JSON object and nothing else.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text
from smartwatch_contracts.documents import DocumentError

from simulator import (
    chain,
    cli_drills,
    cli_on_call,
    cli_policies,
    cli_profiles,
    cli_rules,
    cli_scoring,
    cli_silences,
    local,
    story,
    view,
)
from simulator import report as reports
from simulator.cloud import process
from simulator.console import (
    AsJson,
    MqttPort,
    Port,
    Profile,
    Region,
    StackName,
    Target,
    XrayPort,
    err,
    login,
    out,
    report,
    say,
    settings,
)
from simulator.devices import playback, recordings, scenarios
from simulator.devices.fleet import Fleet, Wearer
from simulator.devices.provisioning import DeviceIdError
from simulator.devices.watch import Watch, WatchError
from simulator.errors import ChainError, UsageError
from simulator.home import cloud_home
from simulator.run import ONSET_SECONDS, Picture, Run
from simulator.stack import Stack, trace_id_of

#: How long `run` goes on without a terminal to end it from.
UNATTENDED_SECONDS = 60.0

#: The period of a report that names none.
REPORTED = timedelta(days=7)
#: What alerts may be listed by.
LISTED = ("open", "acknowledged", "cleared", "exhausted", "joined")

app = typer.Typer(
    help="Smart watches, their platform, and the people it wakes: on this laptop or on AWS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(cli_rules.app, name="rules")
app.add_typer(cli_profiles.app, name="profile")
app.add_typer(cli_policies.app, name="policy")
app.add_typer(cli_on_call.app, name="on-call")
app.add_typer(cli_silences.app, name="silence")
app.add_typer(cli_silences.app, name="silences", hidden=True)
cli_scoring.register(app)
cli_drills.register(app)

# ------------------------------------------------------------------------------------------------------ the local cloud


@app.command()
def up(port: Port = 4566, mqtt_port: MqttPort = 8883, xray_port: XrayPort = 2000) -> None:
    """Start the local cloud and deploy the stack on it."""
    stack = local.up(settings(port, mqtt_port, xray_port), say)
    endpoint = f"http://127.0.0.1:{port}"
    out.print(
        f"The local cloud runs on {endpoint}, stack {stack.name}. For the AWS CLI and boto3:\n"
        f"export AWS_ENDPOINT_URL={endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test "
        "AWS_DEFAULT_REGION=us-east-1",
        highlight=False,
    )


@app.command()
def down() -> None:
    """Stop the local cloud. Everything in it is gone."""
    stopped = process.stop(cloud_home())
    out.print("The local cloud is stopped." if stopped else "No local cloud runs.")


@app.command()
def status(as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None) -> None:
    """Say whether the platform runs, and the stack's outputs."""
    target = Target(stack, profile, region).existing()
    answer = {
        "stack": target.name,
        "endpoint": target.cloud.settings.endpoint if target.cloud else None,
        "pid": target.cloud.pid if target.cloud else None,
        "outputs": target.outputs,
    }
    lines = [f"{name:<26} {value}" for name, value in target.outputs.items()]
    report(
        answer,
        as_json,
        "\n".join([f"{target.name} runs" + (f" on {answer['endpoint']}" * bool(stack is None)), *lines]),
    )


@app.command()
def outbox(as_json: AsJson = False) -> None:
    """What SNS sent: e-mail and SMS stay on this laptop."""
    messages = local.running().outbox()
    report({"messages": messages}, as_json, view.messages(messages))


# ------------------------------------------------------------------------------------------------------------- watches


@app.command()
def run(
    watches: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 5,
    duration: Annotated[float | None, typer.Option(min=1, help="Seconds; until Ctrl-C on a terminal.")] = None,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two readings of a watch.")] = 1.0,
    as_json: AsJson = False,
    port: Port = 4566,
    mqtt_port: MqttPort = 8883,
    xray_port: XrayPort = 2000,
) -> None:
    """Stream watches through the whole platform, and see an alert from the first beat to the page."""
    attended = out.is_terminal and not as_json
    seconds = duration if duration is not None else (float("inf") if attended else UNATTENDED_SECONDS)
    with local.running_or_started(settings(port, mqtt_port, xray_port), say) as stack:
        session = Run(stack, watches, interval, min(ONSET_SECONDS, seconds / 2), say)
        try:
            session.start()
            _show(session, seconds, attended)
            answer = session.finish()
        except BaseException:
            session.abandon()
            raise
    summary = "\n".join(
        [
            f"{answer['published']} readings published, {answer['stored']} stored, {answer['lost']} lost, "
            f"{answer['quarantined']} quarantined",
            f"{answer['alerts']} alerts, {answer['executions']} executions, "
            f"{sum(m['protocol'] != 'topic' for m in answer['messages'])} messages to people",
        ]
    )
    report(answer, as_json, summary)
    if answer["lost"] > 0:
        raise ChainError(f"{answer['lost']} readings were acknowledged by the broker and not stored")


def _show(session: Run, seconds: float, attended: bool) -> None:
    if attended:
        from rich.live import Live

        with Live(view.live(Picture()), console=out, refresh_per_second=4) as screen:
            try:
                while session.seconds < seconds:
                    screen.update(view.live(session.look()))
                    time.sleep(0.4)
            except KeyboardInterrupt:
                return
        return
    told: set[str] = set()
    while session.seconds < seconds:
        _tell_news(session.look(), told)
        time.sleep(min(0.5, max(0.0, seconds - session.seconds)))


def _tell_news(picture: Picture, told: set[str]) -> None:
    """One line for each thing that has happened since the last look."""
    news = [f"{a['deviceId']}: {e['what']} ({view.said(e)})" for a in picture.alerts for e in a.get("timeline", [])]
    news += [f"SNS to {m['to']}: {m['subject']}" for m in picture.outbox if m["protocol"] != "topic"]
    news += [f"execution {e['name'][:8]} is in {e['state']}" for e in picture.executions]
    for line in news:
        if line not in told:
            told.add(line)
            say(line)


@app.command()
def provision(
    watch: str, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """Give a watch its thing, key and certificate."""
    identity = Target(stack, profile, region).existing().provision(watch)
    answer = {"deviceId": identity.device_id, "folder": str(identity.folder)}
    report(answer, as_json, f"{identity.device_id}: key and certificate in {identity.folder}")


@app.command()
def simulate(
    watch: Annotated[str, typer.Option(help="Its name; drill-... for rehearsals.")] = "watch-001",
    scenario: Annotated[str, typer.Option(help=", ".join(scenarios.SCENARIOS))] = "normal",
    duration: Annotated[float, typer.Option(min=1, help="Seconds.")] = 60,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two readings.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed, the same person.")] = 1,
    direct_topic: Annotated[bool, typer.Option("--direct-topic", help="Not by Basic Ingest.")] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Let one simulated watch stream to a stack."""
    chosen = scenarios.named(scenario)
    target = Target(stack, profile, region).existing()
    device = Watch(target.provision(watch), target.broker(basic_ingest=not direct_topic))
    device.connect()
    fleet = Fleet([Wearer(device, seed, chosen)], interval)
    fleet.start()
    try:
        with err.status(f"{watch}: {scenario} for {duration:g} s"):
            time.sleep(duration)
    finally:
        unacknowledged = fleet.stop()
    answer = {"deviceId": watch, "published": fleet.published, "unacknowledged": unacknowledged}
    report(answer, as_json, f"{watch}: {fleet.published} readings published")
    if unacknowledged:
        raise ChainError(f"{unacknowledged} readings were not acknowledged by the broker")


@app.command()
def play(
    file: Annotated[Path, typer.Argument(help="A recording: FIT, TCX, GPX, Apple Health or CSV.")],
    watch: Annotated[str | None, typer.Option(help="By default, named after the file.")] = None,
    speed: Annotated[str, typer.Option(help="1 is the recording's own pace; max is as fast as possible.")] = "1",
    shift_to_now: Annotated[bool, typer.Option("--shift-to-now", help="Not at the recording's own time.")] = False,
    direct_topic: Annotated[bool, typer.Option("--direct-topic", help="Not by Basic Ingest.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read the file.")] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Publish a real recording from a watch."""
    factor = _speed(speed)
    recording = recordings.read(file)
    answer: dict[str, Any] = {"file": file.name, **recording.summary()}
    if recording.damage:
        say(recording.damage)
    if dry_run:
        report(answer, as_json, Text(json.dumps(answer, indent=2)))
        return
    samples = list(recording.samples)
    if shift_to_now:
        length = samples[-1].timestamp - samples[0].timestamp
        now = int(time.time() * 1000)
        samples = playback.shifted(samples, last_at_ms=now if factor is None else now + int(length / factor))
    name = watch or f"play-{''.join(c if c.isalnum() else '-' for c in file.stem)}"[:128]
    with Target(stack, profile, region).existing_or_local(settings()) as target:
        device = Watch(target.provision(name), target.broker(basic_ingest=not direct_topic))
        device.connect()
        try:
            with err.status(f"{name}: playing {escape(file.name)}") as progress:
                playback.play(
                    recording,
                    device.publish,
                    speed=factor,
                    samples=samples,
                    progress=lambda sent: progress.update(f"{name}: {sent} of {len(samples)} readings"),
                )
                unacknowledged = device.flush(60)
        finally:
            device.stop()
        answer |= {"deviceId": name, "published": device.published, "unacknowledged": unacknowledged}
        answer |= _settled(target, name, samples[0].timestamp, samples[-1].timestamp, device.published)
    report(
        answer,
        as_json,
        f"{name}: {answer['published']} readings published, {answer['stored']} stored, {answer['alerts']} alerts",
    )
    if unacknowledged or answer["stored"] < answer["published"]:
        raise ChainError(f"{answer['published'] + unacknowledged} readings sent, {answer['stored']} stored")


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise UsageError(f"--speed takes a positive number or max, not {text!r}")
    return factor


def _settled(stack: Stack, device_id: str, since_ms: int, until_ms: int, expected: int) -> dict[str, int]:
    """What is stored of a recording and how many alerts the watch has, once both have come to rest."""
    say("waiting until it is stored")
    stored = chain.poll(
        lambda: chain.stored(stack, device_id, since_ms=since_ms, until_ms=until_ms),
        lambda count: count >= expected,
        seconds=60,
        every=0.5,
    )
    quiet_since, alerts = time.monotonic(), -1
    while time.monotonic() - quiet_since < 3:
        found = len(stack.alerts(device_id=device_id))
        if found != alerts:
            quiet_since, alerts = time.monotonic(), found
        time.sleep(0.3)
    return {"stored": stored, "alerts": alerts}


# ------------------------------------------------------------------------------------------------------ alerts, people


@app.command()
def alerts(
    of_status: Annotated[str | None, typer.Option("--status", help=", ".join(LISTED))] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """List alerts, the latest first."""
    if of_status not in {None, *LISTED}:
        raise UsageError(f"no status {of_status!r}; there are {', '.join(LISTED)}")
    found = Target(stack, profile, region).existing().alerts(status=of_status)
    report({"alerts": found}, as_json, view.alerts(found) if found else "no alerts")


@app.command()
def alert(
    alert_id: str, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """One alert's whole story: who was told when, through what, what was held back, who answered, how it ended."""
    told = story.gathered(Target(stack, profile, region).existing(), alert_id)
    report(told, as_json, view.story(told))


@app.command(name="report")
def report_(
    since: Annotated[datetime | None, typer.Option("--from", help="UTC; a week ago without it.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="UTC; now without it.")] = None,
    only_drills: Annotated[bool, typer.Option("--drills", help="Of rehearsals, which are left out otherwise.")] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """What came of a period's alerts: how soon people were told, answered and were done, and who did not answer."""
    now = datetime.now(UTC)
    last = _utc(until) or now
    first = _utc(since) or last - REPORTED
    if last <= first:
        raise UsageError("a period ends after it begins")
    target = Target(stack, profile, region).existing()
    found = target.alerts_between(first, last, reports.STATUSES)
    answer = {
        "from": first.isoformat(timespec="seconds"),
        "to": last.isoformat(timespec="seconds"),
        **reports.report(
            found, now_ms=int(now.timestamp() * 1000), patience=target.seconds_to_answer, drills=only_drills
        ),
    }
    report(answer, as_json, view.report(answer))


@app.command()
def ack(
    alert_id: str,
    by: Annotated[str | None, typer.Option(help="Who takes responsibility; by default, your login.")] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Acknowledge an alert: you take responsibility, the escalation ends."""
    answer = Target(stack, profile, region).existing().acknowledge(alert_id, by or login())
    if not answer["acknowledged"] and answer["reason"] == "unknown":
        raise UsageError(f"there is no alert {alert_id!r}")
    by_whom = f" by {answer['by']}" if answer.get("by") else ""
    shown = "acknowledged" if answer["acknowledged"] else f"nothing to do: already {answer['reason']}"
    report({"alertId": alert_id, **answer}, as_json, f"{alert_id}: {shown}{by_whom}")


@app.command()
def executions(
    execution: Annotated[str | None, typer.Argument(help="Name or ARN, for its states.")] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """List escalations, or show the states of one."""
    target = Target(stack, profile, region).existing()
    if execution is not None:
        one = target.execution(execution)
        report(one, as_json, view.states(one))
        return
    found = target.executions()
    report({"executions": found}, as_json, view.executions(found) if found else "no executions")


@app.command()
def trace(
    alert_id: str, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """The trace of an alert, from ingest to the page."""
    target = Target(stack, profile, region).existing()
    trace_id = trace_id_of(target.alert(alert_id))
    segments = target.trace(trace_id) if trace_id else []
    if not segments:
        raise ChainError(f"alert {alert_id} has no trace")
    report({"traceId": trace_id, "segments": segments}, as_json, view.waterfall(segments))


@app.command()
def readings(
    watch: str,
    since: Annotated[datetime | None, typer.Option("--from", help="UTC.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="UTC.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the latest so many.")] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """The stored readings of a watch, one row a reading, timestamp first."""
    target = Target(stack, profile, region).existing()
    target.ensure_known(watch)
    first, last = _utc_ms(since, 0), _utc_ms(until, 2**53)
    found = [reading for reading in target.readings(watch) if first <= reading["timestamp"] <= last]
    found = found[-limit:] if limit else found
    ordered = [{"timestamp": reading["timestamp"], **reading} for reading in found]
    report({"deviceId": watch, "count": len(ordered), "readings": ordered}, as_json, view.readings(ordered))


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{moment.isoformat()} is beyond the calendar") from None


def _utc_ms(moment: datetime | None, default: int) -> int:
    known = _utc(moment)
    return default if known is None else int(known.timestamp() * 1000)


def main() -> None:
    """Run the command; every expected failure is one line and an exit code."""
    from botocore.exceptions import BotoCoreError, ClientError

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
            signal.signal(number, _terminate)
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        # Ours to print: one line, as everything else that can't be done. Without arguments it is the help.
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        _end(text.splitlines()[0] if text else "see smartwatch --help", 2)
    except (UsageError, process.CloudError, DeviceIdError, recordings.RecordingError) as error:
        _end(str(error), 2)
    except scenarios.UnknownScenarioError as error:
        _end(str(error), 2)
    except (ChainError, WatchError) as error:
        _end(str(error), 1)
    except (BotoCoreError, ClientError) as error:
        _end(f"AWS: {str(error).splitlines()[0]}", 2)
    except DocumentError as error:
        _end(str(error), 2)
    except OSError as error:
        _end(f"{error.filename or 'the system'}: {error.strerror or error}", 2)
    if isinstance(code, int) and code:
        raise SystemExit(code)


def _terminate(number: int, _frame: object) -> None:
    """End as Ctrl-C does: whatever this command started is stopped on the way out. Once; the way out takes a moment."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _end(text: str, code: int) -> None:
    sys.stderr.write(f"smartwatch: {text}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
