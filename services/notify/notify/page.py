"""The pages behind a link: what a person sees before and after an acknowledgement. Plain HTML that runs nothing."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from html import escape

from smartwatch_contracts.device import DRILL_MARK

from notify.desk import AlertView

STYLE = """
:root{color-scheme:light dark;--ink:#16202b;--soft:#4d5b69;--paper:#f3f5f7;--card:#fff;--line:#d3dae1;--go:#0b5cad;\
--on:#fff;--critical:#a3121f;--warning:#7a4d00;--drill:#5b2a86}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf2;--soft:#aab6c2;--paper:#11171d;--card:#1a222b;--line:#36424e;\
--go:#7cb8f5;--on:#08131f;--critical:#ff8d93;--warning:#f0b95a;--drill:#cfa6f5}}
*{box-sizing:border-box}
body{margin:0;padding:1rem;background:var(--paper);color:var(--ink);font:1.0625rem/1.5 system-ui,sans-serif}
main{max-width:34rem;margin:0 auto;padding:1.25rem;background:var(--card);\
border:1px solid var(--line);border-radius:.75rem}
h1{margin:.25rem 0 .5rem;font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}
p{margin:.5rem 0;overflow-wrap:anywhere}
.soft{color:var(--soft)}
.mark{margin:0 0 1rem;padding:.5rem .75rem;border:2px solid var(--drill);border-radius:.5rem;color:var(--drill);\
font-weight:700}
.severity{margin:0;font-weight:700;text-transform:uppercase;letter-spacing:.05em}
.critical{color:var(--critical)}
.warning{color:var(--warning)}
dl{display:grid;grid-template-columns:auto 1fr;gap:.375rem 1rem;margin:1rem 0;padding:1rem 0;\
border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
button{width:100%;min-height:3.25rem;margin-top:.5rem;border:0;border-radius:.5rem;background:var(--go);color:var(--on);\
font:inherit;font-weight:700;cursor:pointer}
button:focus-visible{outline:3px solid var(--ink);outline-offset:3px}
"""

#: Nothing is loaded, run, framed or sent elsewhere; the one style sheet is the one above.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

_STATES = {
    "open": "Open: nobody has answered yet",
    "exhausted": "Open: everybody was told and nobody has answered",
    "technical": "Open: the watch is in trouble, not a person",
    "cleared": "Cleared: back within limits",
    "retrospective": "Over: found in readings that came too late",
}


def ask(view: AlertView, recipient: str) -> str:
    """The alert, and the button. Only for an alert that waits."""
    return _about(
        view,
        recipient,
        heading=None,
        after='<form method="post"><button type="submit">Acknowledge</button></form>\n'
        '<p class="soft">You take responsibility, and the escalation stops.</p>',
    )


def acknowledged(view: AlertView, recipient: str, at_ms: int) -> str:
    """This very request did it."""
    return _about(
        view,
        recipient,
        heading="Acknowledged by you",
        state=_by(recipient, at_ms),
        after="<p>You are responsible for this alert now. The escalation stops.</p>",
    )


def closed(view: AlertView, recipient: str) -> str:
    """The alert waits for nobody, and this link has not been used."""
    if view.status == "acknowledged":
        who = "you" if view.acknowledged_by == recipient else _text(view.acknowledged_by or "somebody")
        return _about(
            view,
            recipient,
            heading=f"Already acknowledged by {who}",
            after="<p>There is nothing left for you to do here.</p>",
        )
    heading = "Cleared" if view.status == "cleared" else "Nothing to acknowledge"
    return _about(view, recipient, heading=heading, after="<p>The alert is over and needs no answer.</p>")


def used(view: AlertView, recipient: str) -> str:
    """This link has acknowledged before. It may have run out since: the alert is then open again."""
    if view.waits:
        advice = "The alert is open again. The newest message about it has a link that works."
    else:
        advice = "There is nothing left for you to do here."
    return _about(view, recipient, heading="This link has been used", after=f"<p>{advice} A link works once.</p>")


def expired() -> str:
    return _plain("This link has expired", "The newest message about the alert has a link that works.")


def not_valid() -> str:
    return _plain(
        "This link is not valid",
        "It may have been cut short on its way to you. Open it from the message itself, or copy all of it.",
    )


def unreachable() -> str:
    return _plain(
        "Not certain that this went through",
        "We can't reach the alerts just now. Load this page again in a few seconds: it says who is responsible.",
    )


def failed() -> str:
    return _plain(
        "Something went wrong",
        "The mistake is ours, and the alert may not be acknowledged. Load this page again: it says who is responsible.",
    )


def refused(what: str) -> str:
    """For what no browser does with these pages. `what` is one clear sentence."""
    return _plain("This does not work here", what)


def _about(view: AlertView, recipient: str, *, heading: str | None, state: str | None = None, after: str) -> str:
    """A page about an alert; `heading`, `state` and `after` are HTML. Without a heading the alert's title is it."""
    title = _text(view.title.removeprefix(DRILL_MARK))
    rows = [
        ("For", f"<bdi>{_text(recipient)}</bdi>"),
        ("Watch", f"<bdi>{_text(view.device_id)}</bdi>"),
        ("Since", _time(view.started_at)),
        ("Now", state or _state(view)),
        *([("Part of", f"alert <bdi>{_text(view.joined)}</bdi>")] if view.joined else []),
    ]
    return _document(
        ("DRILL: " if view.drill else "") + (f"{heading} - {title}" if heading else title),
        (
            '<p class="mark">DRILL: this is a rehearsal, no person is in danger.</p>\n' if view.drill else "",
            f'<p class="severity {_text(view.severity)}">{_text(view.severity)}</p>\n',
            f"<h1>{heading}</h1>\n<p><bdi>{title}</bdi></p>\n" if heading else f"<h1><bdi>{title}</bdi></h1>\n",
            "<dl>\n" + "".join(f"<dt>{name}</dt><dd>{value}</dd>\n" for name, value in rows) + "</dl>\n",
            f"{after}\n",
            f'<p class="soft">Alert {_text(view.alert_id)}</p>\n',
        ),
    )


def _plain(heading: str, text: str) -> str:
    return _document(heading, (f"<h1>{escape(heading)}</h1>\n<p>{escape(text)}</p>\n",))


def _document(title: str, parts: tuple[str, ...]) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def _state(view: AlertView) -> str:
    if view.status == "acknowledged":
        return _by(view.acknowledged_by or "somebody", view.acknowledged_at)
    return _STATES.get(view.status, _text(view.status))


def _by(who: str, at_ms: int | None) -> str:
    when = "" if at_ms is None else f" at {_time(at_ms)}"
    return f"Acknowledged by <bdi>{_text(who)}</bdi>{when}"


def _time(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{at:%Y-%m-%d %H:%M:%S} UTC</time>'


def _text(text: str) -> str:
    """Text as HTML. Characters that print nothing could turn the text around, or end it."""
    return escape("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text))
