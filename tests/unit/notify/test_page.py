"""Pages: they say whom it is for, what and since when; they offer a button only where it works, and run nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from notify import page
from notify.desk import AlertView

VIEW = AlertView(
    alert_id="0123456789abcdef0123456789abcdef",
    title="Heart rate above 150 bpm",
    severity="critical",
    device_id="watch-002",
    started_at=1_700_000_000_123,
    status="open",
)
DONE = replace(VIEW, status="acknowledged", acknowledged_by="grace", acknowledged_at=1_700_000_060_000)
DRILL = replace(VIEW, title="DRILL: Heart rate above 150 bpm", device_id="drill-001", drill=True)
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>&\u202e\x00\ud800'</title></style>"

ABOUT = {
    "ask": page.ask(VIEW, "ada"),
    "acknowledged": page.acknowledged(VIEW, "ada", 1_700_000_060_000),
    "already": page.closed(DONE, "ada"),
    "cleared": page.closed(replace(VIEW, status="cleared"), "ada"),
    "retrospective": page.closed(replace(VIEW, status="retrospective"), "ada"),
    "used": page.used(DONE, "ada"),
    "used-and-open-again": page.used(VIEW, "ada"),
    "drill": page.ask(DRILL, "ada"),
}
PLAIN = {
    "expired": page.expired(),
    "not-valid": page.not_valid(),
    "unreachable": page.unreachable(),
    "failed": page.failed(),
    "refused": page.refused("Only GET works here."),
}
EVERY = {**ABOUT, **PLAIN}


class Outline(HTMLParser):
    """Tags with their attributes, whether every tag is closed, and the text between them."""

    VOID = frozenset({"meta"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        self.names = [name for name, _ in self.tags]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def text(html: str) -> str:
    return Outline(html).text


def test_a_page_says_for_whom_what_how_severe_which_watch_since_when_and_how_it_stands() -> None:
    shown = text(page.ask(VIEW, "ada"))

    assert "For ada" in shown
    assert "Heart rate above 150 bpm" in shown
    assert "critical" in shown
    assert "Watch watch-002" in shown
    assert "Since 2023-11-14 22:13:20 UTC" in shown
    assert "Now Open: nobody has answered yet" in shown
    assert "Alert 0123456789abcdef0123456789abcdef" in shown


@pytest.mark.parametrize("status", ["open", "exhausted", "technical"])
def test_an_alert_that_waits_has_one_button_which_posts_to_the_link_itself(status: str) -> None:
    view = replace(VIEW, status=status)
    outline = Outline(page.ask(view, "ada"))

    assert view.waits
    assert [attributes for name, attributes in outline.tags if name == "form"] == [{"method": "post"}]
    assert [attributes for name, attributes in outline.tags if name == "button"] == [{"type": "submit"}]
    assert not {"input", "a"} & set(outline.names)


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"ask", "drill"}))
def test_no_other_page_has_a_button(name: str) -> None:
    assert not {"form", "button", "a"} & set(Outline(EVERY[name]).names)


@pytest.mark.parametrize("status", ["acknowledged", "cleared", "retrospective", "something-new"])
def test_an_alert_that_is_over_does_not_wait(status: str) -> None:
    assert not replace(VIEW, status=status).waits


def test_the_answer_to_the_button_says_that_you_did_it_and_when() -> None:
    shown = text(ABOUT["acknowledged"])

    assert "Acknowledged by you" in shown
    assert "Acknowledged by ada at 2023-11-14 22:14:20 UTC" in shown


def test_who_comes_second_reads_who_was_first_and_when() -> None:
    shown = text(ABOUT["already"])

    assert "Already acknowledged by grace" in shown
    assert "Acknowledged by grace at 2023-11-14 22:14:20 UTC" in shown


def test_whoever_was_first_by_another_way_is_called_you() -> None:
    assert "Already acknowledged by you" in text(page.closed(DONE, "grace"))


def test_an_acknowledgement_of_which_the_time_or_the_name_is_not_known_is_shown_without() -> None:
    shown = text(page.closed(replace(DONE, acknowledged_by=None, acknowledged_at=None), "ada"))
    assert "Now Acknowledged by somebody Alert" not in shown
    assert "Acknowledged by somebody" in shown
    assert "None" not in shown


def test_a_cleared_alert_needs_no_answer() -> None:
    assert "Cleared: back within limits" in text(ABOUT["cleared"])
    assert "needs no answer" in text(ABOUT["cleared"])


def test_a_used_link_says_what_it_did_and_whether_the_alert_is_open_again() -> None:
    assert "This link has been used" in text(ABOUT["used"])
    assert "Acknowledged by grace" in text(ABOUT["used"])
    assert "open again" not in text(ABOUT["used"])
    assert "The alert is open again" in text(ABOUT["used-and-open-again"])


def test_a_state_that_is_new_to_the_pages_is_shown_as_it_is() -> None:
    assert "Now something-new" in text(page.closed(replace(VIEW, status="something-new"), "ada"))


def test_an_alert_that_is_part_of_another_says_so() -> None:
    assert "Part of alert fedcba" in text(page.ask(replace(VIEW, joined="fedcba"), "ada"))
    assert "Part of" not in text(ABOUT["ask"])


def test_a_drill_is_marked_once_above_all_and_in_the_title_of_the_window() -> None:
    shown = text(ABOUT["drill"])

    assert shown.index("DRILL: this is a rehearsal, no person is in danger.") < shown.index("critical")
    assert "<title>DRILL: Heart rate above 150 bpm</title>" in ABOUT["drill"]
    assert "<h1><bdi>Heart rate above 150 bpm</bdi></h1>" in ABOUT["drill"]
    assert "DRILL" not in "".join(html for name, html in EVERY.items() if name != "drill")


@pytest.mark.parametrize("status", ["open", "acknowledged", "cleared", HOSTILE])
def test_hostile_text_is_text_wherever_it_stands(status: str) -> None:
    view = replace(
        DONE,
        alert_id=HOSTILE,
        title=HOSTILE,
        severity=HOSTILE,  # type: ignore[arg-type]
        device_id=HOSTILE,
        acknowledged_by=HOSTILE,
        joined=HOSTILE,
        status=status,
    )
    tame = replace(DONE, joined="joined", status=status if status != HOSTILE else "new")
    pages = (
        lambda view, who: page.ask(view, who),
        lambda view, who: page.acknowledged(view, who, 1),
        page.closed,
        page.used,
    )
    for make in pages:
        hostile = make(view, HOSTILE)
        assert Outline(hostile).names == Outline(make(tame, "ada")).names
        assert not Outline(hostile).open
        assert "<script" not in hostile
        assert "onerror=alert(1)&gt;" in hostile
        assert not set("\u202e\x00\ud800") & set(hostile)
    assert "<b>" not in page.refused("<b>")


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_page_runs_nothing_and_loads_nothing(name: str) -> None:
    outline = Outline(EVERY[name])

    assert not {"script", "link", "img", "iframe", "object", "svg", "base"} & set(outline.names)
    attributes = {attribute for _, found in outline.tags for attribute in found}
    assert attributes <= {"lang", "charset", "name", "content", "class", "datetime", "method", "type"}
    assert "//" not in EVERY[name]
    assert "url(" not in EVERY[name]
    assert "@import" not in EVERY[name]


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_page_can_be_read_on_a_phone_and_read_aloud(name: str) -> None:
    html, outline = EVERY[name], Outline(EVERY[name])

    assert html.startswith('<!doctype html>\n<html lang="en">')
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert [outline.names.count(tag) for tag in ("title", "main", "h1")] == [1, 1, 1]
    assert outline.open == []
    assert re.search(r"<title>[^<]+</title>", html)


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio of two colours like #16202b."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_stands_out_by_day_and_by_night() -> None:
    day, night = (dict(re.findall(r"--(\w+):(#[0-9a-f]+)", part)) for part in page.STYLE.split("@media")[:2])
    for colours in (day, night):
        for ink in ("ink", "soft", "critical", "warning", "drill"):
            assert contrast(colours[ink], colours["card"]) >= 4.5, ink
        assert contrast(colours["on"], colours["go"]) >= 4.5


def test_the_policy_lets_the_style_sheet_in_and_nothing_else() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", ABOUT["ask"], re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ) == page.CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_page_fits_into_one_round_trip(name: str) -> None:
    assert len(EVERY[name].encode()) < 14_000
