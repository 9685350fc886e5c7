"""`smartwatch score`, `what-if` and `why`: what rules are worth, what others would do, and why they did as they did."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from evaluate import rule_files
from evaluate.compiled import LimitError, compiled

from simulator.console import AsJson, Profile, Region, StackName, Target, err, report
from simulator.data import Data, Recordings, Watch, gathered, recorded, stored
from simulator.devices.library import stories
from simulator.errors import UsageError
from simulator.scoring import explanation, rule_sets, sweep, tables
from simulator.scoring.score import Score
from simulator.scoring.score import score as scored
from simulator.scoring.streams import Stream, from_story, total_days

#: What every rule set is compared with.
BASELINE = "simple"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(score)
    app.command("what-if")(what_if)
    app.command()(why)


def score(
    rules: Annotated[str, typer.Option(help="default, simple, or a file.")] = "default",
    recordings: Annotated[Path | None, typer.Option(help="A folder of real recordings, as well.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed, the same people.")] = 1,
    html: Annotated[Path | None, typer.Option(help="Write a report with plots, one file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score a rule set over labelled scenarios and recordings, beside the plain rules."""
    chosen = rule_sets.chosen(rules)
    rule_sets_ = [chosen] if chosen.name == BASELINE else [chosen, rule_files.built_in(BASELINE)]
    library = stories(seed)
    streams = [from_story(story) for story in library] + (recorded(recordings) if recordings else [])
    scores: list[Score] = []
    with err.status("scoring") as status:
        for rule_set in rule_sets_:
            try:
                scores.append(scored(rule_set, streams, status.update))
            except LimitError as error:
                raise UsageError(f"{rules}: {error}") from None
        if html is not None:
            status.update("drawing")
            _write_page(html, scores, {story.name: story.description for story in library}, streams)
    days = total_days(streams)
    answer = {
        "scenarios": len(library),
        "recordings": len(streams) - len(library),
        "personDays": round(days, 3),
        "seed": seed,
        "ruleSets": [each.as_json() for each in scores],
    }
    report(answer, as_json, tables.score(scores, days))


def _write_page(path: Path, scores: list[Score], descriptions: dict[str, str], streams: list[Stream]) -> None:
    from simulator.scoring.page import page

    try:
        path.write_text(page(scores, descriptions, total_days(streams)))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None


def what_if(
    signal: Annotated[str, typer.Option(help="heartRate or spo2.")],
    delays: Annotated[str, typer.Option("--for", help="FROM:TO:STEP, in seconds.")],
    above: Annotated[str | None, typer.Option(help="FROM:TO:STEP.")] = None,
    below: Annotated[str | None, typer.Option(help="FROM:TO:STEP.")] = None,
    during: Annotated[str | None, typer.Option(help="Only in these activities, as in a rule.")] = None,
    recordings: Recordings = None,
    watch: Watch = None,
    plot: Annotated[Path | None, typer.Option(help="Draw both maps into a .png or .svg file.")] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Sweep a limit and a delay: alerts for each person and day, and seconds beyond the limit in no alert."""
    if (above is None) == (below is None):
        raise UsageError("either --above or --below")
    if signal not in {"heartRate", "spo2"}:
        raise UsageError(f"--signal is heartRate or spo2, not {signal!r}")
    if plot is not None and plot.suffix.lower() not in {".png", ".svg"}:
        raise UsageError("--plot takes a .png or .svg file")
    side: sweep.Side = "below" if above is None else "above"
    limits = sweep.steps(above or below or "", side)
    waits = sweep.steps(delays, "for")
    gates = sweep.activities(during)
    streams = gathered(Data(recordings or [], watch), Target(stack, profile, region))
    with err.status(f"{len(limits) * len(waits)} rules over {sum(len(s.observations) for s in streams)} readings"):
        made = sweep.swept(streams, "heartRate" if signal == "heartRate" else "spo2", side, limits, waits, gates)
    if plot is not None:
        from simulator.scoring.heat import draw

        try:
            draw(made, plot)
        except OSError as error:
            raise UsageError(f"{plot}: {error.strerror or error}") from None
    report(made.as_json(), as_json, tables.sweep(made))


def why(
    subject: Annotated[str, typer.Argument(help="An alert's id; or a watch, with --at.")],
    at: Annotated[datetime | None, typer.Option(help="UTC: what happened then, or did not.")] = None,
    rules: Annotated[str | None, typer.Option(help="As if these were in force: default, simple, or a file.")] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Why there is an alert, or why there is none: rules, readings, timers, and what held it back."""
    target = Target(stack, profile, region)
    alert_id = rule_id = None
    if at is None:
        alert = target.existing().alert(subject)
        alert_id, rule_id, watch = subject, str(alert["ruleId"]), str(alert["deviceId"])
        moment = _milliseconds(alert["startedAt"])
    else:
        watch = subject
        moment = int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)
    stream = stored(target, watch)
    in_force = (
        rule_sets.rules_in_force(target.existing(), watch) if rules is None else compiled(rule_sets.chosen(rules))
    )
    made = explanation.explained(in_force, watch, stream, moment, rule_id=rule_id, alert_id=alert_id)
    report(made.as_json(), as_json, tables.why(made))


def _milliseconds(moment: object) -> int:
    """A time as the alerts table has it: milliseconds since 1970, or ISO 8601."""
    if isinstance(moment, int | float):
        return int(moment)
    return int(datetime.fromisoformat(str(moment)).timestamp() * 1000)
