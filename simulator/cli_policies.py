"""`smartwatch policy`: check escalation policies, and bring them into force. Exit code 1 for one that has an error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from notify import policy_files
from smartwatch_contracts.documents import DocumentError

from simulator import cli_preview, policies, texts
from simulator.alarm_configuration import Put
from simulator.console import AsJson, Profile, Region, StackName, Target, login, report, say
from simulator.errors import UsageError

app = typer.Typer(help="Escalation policies: who is told of an alert, in which order.", no_args_is_help=True)
cli_preview.register(app)

PolicyName = Annotated[str, typer.Argument(help="Its name.")]


@app.command("list")
def list_(as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None) -> None:
    """The policies in force."""
    found = Target(stack, profile, region).existing().configuration.policies.all()
    answer = [_described(document) for document in found]
    report({"policies": answer}, as_json, "\n".join(_line(each) for each in answer))


@app.command()
def show(
    name: PolicyName = policy_files.DEFAULT,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """A policy in force, as people wrote it."""
    document = policies.in_force(Target(stack, profile, region).existing().configuration.policies, name, "policy")
    report({**_described(document), "document": document.text}, as_json, document.text.rstrip())


@app.command()
def put(
    file: Annotated[Path, typer.Argument(help="A policy in YAML.")],
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Bring a policy into force under its own name, unless it has an error. Escalations that run keep theirs."""
    text = texts.read(file)
    policy = policies.parsed(file, text, policy_files.policy)
    target = Target(stack, profile, region).existing()
    found = policies.findings(policy, policies.roster_of(target), policies.surroundings(target))
    errors = [f"  {policies.line(finding)}" for finding in found if finding.severity == "error"]
    if errors:
        raise UsageError("\n".join([f"{file} is not put:", *errors]))
    target.configuration.policies.put(text, login())
    for finding in found:
        say(policies.line(finding))
    answer = {
        "name": policy.name,
        "version": policy.version,
        "findings": [policies.as_json(finding) for finding in found],
    }
    report(answer, as_json, f"{policy.name} version {policy.version} comes into force")


@app.command()
def remove(
    name: PolicyName, as_json: AsJson = False, stack: StackName = None, profile: Profile = None, region: Region = None
) -> None:
    """Take a policy out of force; the built-in one of that name takes its place."""
    documents = Target(stack, profile, region).existing().configuration.policies
    policies.in_force(documents, name, "policy")
    documents.remove(name, login())
    report({"name": name}, as_json, f"{name} is out of force")


@app.command()
def history(
    name: PolicyName = policy_files.DEFAULT,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Every version of a policy that was ever put, the latest first."""
    found = policies.versions(Target(stack, profile, region).existing().configuration.policies, name)
    answer = [{**_described(document), "document": document.text} for document in found]
    report({"versions": answer}, as_json, "\n".join(_line(each) for each in answer))


@app.command()
def check(
    policy: Annotated[str, typer.Argument(help="A file, or the name of a policy in force.")] = policy_files.DEFAULT,
    roster: Annotated[Path | None, typer.Option(help="A roster's file; the stack's roster without one.")] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Say what is wrong with a policy. A file with --roster needs no stack."""
    file = Path(policy) if Path(policy).suffix in {".yaml", ".yml"} or Path(policy).is_file() else None
    text = texts.read(file) if file else None
    people = policies.parsed(roster, texts.read(roster), policy_files.roster) if roster else None
    target = None
    if text is None or people is None or stack is not None:
        target = Target(stack, profile, region).existing()
        text = text or policies.in_force(target.configuration.policies, policy, "policy").text
        people = people or policies.roster_of(target)
    around = policies.surroundings(target) if target else policies.Surroundings()
    found = policies.findings(policies.parsed(policy, text, policy_files.policy), people, around)
    errors = sum(finding.severity == "error" for finding in found)
    answer = {"policy": policy, "errors": errors, "findings": [policies.as_json(finding) for finding in found]}
    report(answer, as_json, "\n".join(policies.line(each) for each in found) or f"{policy} has no mistakes")
    if errors:
        raise typer.Exit(1)


def _described(document: Put) -> dict[str, str]:
    return {"name": document.name, "version": _version(document.text), "since": document.since}


def _version(text: str) -> str:
    try:
        return policy_files.policy(text).version
    except DocumentError:
        return "broken"


def _line(described: dict[str, str]) -> str:
    return f"{described['name']:<20} version {described['version']:<12} {described['since']}"
