"""Scenarios in which something is the matter with the person. Somebody must be told, in time."""

from __future__ import annotations

from dataclasses import replace

from smartwatch_contracts.profiles import Profile

from simulator.devices.library import conditions as c
from simulator.devices.library.story import Story, Tape

MINUTE = 60


def tachycardia_critical(seed: int) -> Story:
    """The heart races at rest, to 176 bpm within half a minute."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    with tape.truth(c.HIGH_AT_REST, "critical", above=140):
        tape.live(10 * MINUTE, 176, within=10)
    tape.live(10 * MINUTE)
    return tape.story("tachycardia-critical", tachycardia_critical.__doc__ or "")


def tachycardia_sudden(seed: int) -> Story:
    """A supraventricular tachycardia: from one reading to the next at 190 bpm, one reading a second."""
    tape = Tape(seed, every=1.0)
    tape.live(3 * MINUTE)
    with tape.truth(c.HIGH_AT_REST, "critical", above=140):
        tape.live(5 * MINUTE, 190, within=0.2)
    tape.live(2 * MINUTE, within=0.5)
    return tape.story("tachycardia-sudden", tachycardia_sudden.__doc__ or "")


def tachycardia_at_the_limit(seed: int) -> Story:
    """149 to 151 bpm at rest for twenty minutes: one episode, however often the value crosses 150."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    with tape.truth(c.HIGH_AT_REST, "critical", above=140):
        tape.live(20 * MINUTE, 150, within=5)
    tape.live(10 * MINUTE)
    return tape.story("tachycardia-at-the-limit", tachycardia_at_the_limit.__doc__ or "")


def tachycardia_warning(seed: int) -> Story:
    """132 bpm at rest for twenty-five minutes: not in danger yet, and not well."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    with tape.truth(c.HIGH_AT_REST, "warning", above=120):
        tape.live(25 * MINUTE, 132, within=30)
    tape.live(10 * MINUTE)
    return tape.story("tachycardia-warning", tachycardia_warning.__doc__ or "")


def tachycardia_once_a_minute(seed: int) -> Story:
    """165 bpm at rest, seen by a watch that measures once a minute."""
    tape = Tape(seed, every=60.0)
    tape.live(30 * MINUTE)
    with tape.truth(c.HIGH_AT_REST, "critical", above=140):
        tape.live(20 * MINUTE, 165, within=10)
    tape.live(20 * MINUTE)
    return tape.story("tachycardia-once-a-minute", tachycardia_once_a_minute.__doc__ or "")


def tachycardia_in_messages(seed: int) -> Story:
    """168 bpm at rest, from a watch that sends a minute of readings at a time."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    with tape.truth(c.HIGH_AT_REST, "critical", above=140):
        tape.live(10 * MINUTE, 168, within=10)
    tape.live(10 * MINUTE)
    tape.in_messages(60)
    return tape.story("tachycardia-in-messages", tachycardia_in_messages.__doc__ or "")


def tachycardia_poor_signal(seed: int) -> Story:
    """170 bpm at rest while every third reading is too poor to be believed, and some come twice or out of order."""
    tape = Tape(seed, quality=85)
    tape.live(5 * MINUTE)
    with tape.truth(c.HIGH_AT_REST, "critical", above=140):
        tape.live(10 * MINUTE, 170, within=10)
    tape.live(10 * MINUTE)
    for index, sent in enumerate(tape.readings):
        late = tape.random.choice([0, 0, 0, 12_000])
        poor = {"quality": 12.0, "heart_rate": 64} if index % 3 == 0 else {}
        tape.readings[index] = replace(sent, received_at=sent.received_at + late, **poor)  # type: ignore[arg-type]
    again = [replace(sent, received_at=sent.received_at + 30_000) for sent in tape.readings[::10]]
    tape.readings.extend(again)
    return tape.story("tachycardia-poor-signal", tachycardia_poor_signal.__doc__ or "")


def high_for_effort(seed: int) -> Story:
    """188 bpm at walking pace, for a quarter of an hour."""
    tape = Tape(seed)
    tape.live(3 * MINUTE)
    tape.live(5 * MINUTE, 105, 105)
    with tape.truth(c.HIGH_FOR_EFFORT, "warning", above=180):
        tape.live(15 * MINUTE, 188, 105, within=20)
    tape.live(10 * MINUTE)
    return tape.story("high-for-effort", high_for_effort.__doc__ or "")


def no_recovery(seed: int) -> Story:
    """After a run the heart stays at 188 bpm, sitting down; in the end that is tachycardia at rest."""
    tape = Tape(seed)
    tape.live(3 * MINUTE)
    tape.live(15 * MINUTE, 186, 168)
    with tape.truth(c.HIGH_FOR_EFFORT, "warning", above=180):
        tape.live(6 * MINUTE, 188)
    with tape.truth(c.HIGH_AT_REST, "critical", above=140):
        tape.live(8 * MINUTE, 188)
    tape.live(10 * MINUTE)
    return tape.story("no-recovery", no_recovery.__doc__ or "")


def slow_recovery(seed: int) -> Story:
    """Five minutes after a run the heart is still at 155 bpm, and stays there: from then on that is tachycardia."""
    tape = Tape(seed)
    tape.live(3 * MINUTE)
    tape.live(15 * MINUTE, 168, 168)
    tape.live(6 * MINUTE, 155)
    with tape.truth(c.HIGH_AT_REST, "critical", above=140):
        tape.live(15 * MINUTE, 155)
    tape.live(10 * MINUTE)
    return tape.story("slow-recovery", slow_recovery.__doc__ or "")


def beyond_maximum(seed: int) -> Story:
    """218 bpm in a run: more than a heart makes of itself."""
    tape = Tape(seed)
    tape.live(3 * MINUTE)
    tape.live(10 * MINUTE, 172, 168)
    with tape.truth(c.BEYOND_MAXIMUM, "critical", above=210):
        tape.live(5 * MINUTE, 218, 165, within=8)
    tape.live(15 * MINUTE)
    return tape.story("beyond-maximum", beyond_maximum.__doc__ or "")


def beyond_own_maximum(seed: int) -> Story:
    """A woman of 72 on her bicycle at 176 bpm, where 158 is what her age expects at most."""
    tape = Tape(seed, activity="resting", resting=62)
    tape.live(3 * MINUTE)
    tape.activity = "cycling"
    tape.live(10 * MINUTE, 128)
    with tape.truth(c.BEYOND_MAXIMUM, "critical", above=166):
        tape.live(6 * MINUTE, 176, within=12)
    tape.activity = "resting"
    tape.live(15 * MINUTE)
    return tape.story("beyond-own-maximum", beyond_own_maximum.__doc__ or "", Profile(device_id="person", age=72))


def bradycardia_warning(seed: int) -> Story:
    """38 to 43 bpm at rest for a quarter of an hour, where 63 is usual."""
    tape = Tape(seed, resting=63)
    tape.live(5 * MINUTE)
    tape.live(2 * MINUTE, 50)
    with tape.truth(c.LOW, "warning", below=45):
        tape.live(15 * MINUTE, 40.6, within=10)
    tape.live(10 * MINUTE)
    return tape.story("bradycardia-warning", bradycardia_warning.__doc__ or "")


def bradycardia_critical(seed: int) -> Story:
    """A heart block: 33 bpm."""
    tape = Tape(seed, resting=63)
    tape.live(5 * MINUTE)
    with tape.truth(c.LOW, "critical", below=40):
        tape.live(10 * MINUTE, 33, within=25)
    tape.live(10 * MINUTE)
    return tape.story("bradycardia-critical", bradycardia_critical.__doc__ or "")


def bradycardia_of_an_athlete(seed: int) -> Story:
    """27 bpm by day, for somebody who usually rests at 44."""
    tape = Tape(seed, resting=44)
    tape.live(5 * MINUTE)
    with tape.truth(c.LOW, "critical", below=29):
        tape.live(10 * MINUTE, 25, within=25)
    tape.live(10 * MINUTE)
    profile = Profile(device_id="person", resting_heart_rate=44)
    return tape.story("bradycardia-of-an-athlete", bradycardia_of_an_athlete.__doc__ or "", profile)


def low_asleep(seed: int) -> Story:
    """26 bpm asleep."""
    tape = Tape(seed, activity="sleeping", resting=62)
    tape.live(20 * MINUTE, 52)
    with tape.truth(c.LOW_ASLEEP, "critical", below=34):
        tape.live(10 * MINUTE, 26, within=30)
    tape.live(10 * MINUTE, 52)
    return tape.story("low-asleep", low_asleep.__doc__ or "")


def falling(seed: int) -> Story:
    """A faint: from 84 to 32 bpm in less than a minute."""
    tape = Tape(seed, every=2.0)
    tape.live(5 * MINUTE, 84)
    with tape.truth(c.FALLING, "critical", below=45):
        tape.live(1 * MINUTE, 31, within=12)
    tape.live(1 * MINUTE, 66, within=15)
    tape.live(5 * MINUTE)
    return tape.story("falling", falling.__doc__ or "")


def desaturation_warning(seed: int) -> Story:
    """Oxygen saturation goes down to 89 % over some minutes, and stays."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    with tape.truth(c.DESATURATION, "warning", below=91.5):
        tape.live(20 * MINUTE, 88, spo2=89, spo2_within=120)
    tape.live(10 * MINUTE)
    return tape.story("desaturation-warning", desaturation_warning.__doc__ or "")


def desaturation_critical(seed: int) -> Story:
    """Oxygen saturation falls to 82 %."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    with tape.truth(c.DESATURATION, "critical", below=87.5):
        tape.live(10 * MINUTE, 95, spo2=82)
    tape.live(10 * MINUTE)
    return tape.story("desaturation-critical", desaturation_critical.__doc__ or "")


def desaturation_in_sleep(seed: int) -> Story:
    """Oxygen saturation of 84 % asleep, once a minute, for twenty minutes."""
    tape = Tape(seed, every=60.0, activity="sleeping")
    tape.live(60 * MINUTE, 54)
    with tape.truth(c.DESATURATION, "critical", below=87.5):
        tape.live(20 * MINUTE, 60, spo2=84, spo2_within=60)
    tape.live(30 * MINUTE, 54)
    return tape.story("desaturation-in-sleep", desaturation_in_sleep.__doc__ or "")


def desaturation_scale_2_warning(seed: int) -> Story:
    """Somebody who is well at 90 % goes down to 82 %."""
    tape = Tape(seed, well=90)
    tape.live(5 * MINUTE)
    with tape.truth(c.DESATURATION, "warning", below=83.5):
        tape.live(15 * MINUTE, 90, spo2=82)
    tape.live(10 * MINUTE)
    profile = Profile(device_id="person", spo2_scale=2)
    return tape.story("desaturation-scale-2-warning", desaturation_scale_2_warning.__doc__ or "", profile)


def desaturation_scale_2_critical(seed: int) -> Story:
    """Somebody who is well at 90 % goes down to 77 %."""
    tape = Tape(seed, well=90)
    tape.live(5 * MINUTE)
    with tape.truth(c.DESATURATION, "critical", below=79.5):
        tape.live(10 * MINUTE, 95, spo2=77)
    tape.live(10 * MINUTE)
    profile = Profile(device_id="person", spo2_scale=2)
    return tape.story("desaturation-scale-2-critical", desaturation_scale_2_critical.__doc__ or "", profile)


def heart_and_oxygen(seed: int) -> Story:
    """128 bpm at rest and 89 %: neither is an emergency, both together are."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    tape.live(1 * MINUTE, 128, within=10)
    with tape.truth(c.HEART_AND_OXYGEN, "critical"):
        tape.live(10 * MINUTE, 128, spo2=89, spo2_within=1)
    tape.live(10 * MINUTE)
    return tape.story("heart-and-oxygen", heart_and_oxygen.__doc__ or "")


EMERGENCIES = (
    tachycardia_critical,
    tachycardia_sudden,
    tachycardia_at_the_limit,
    tachycardia_warning,
    tachycardia_once_a_minute,
    tachycardia_in_messages,
    tachycardia_poor_signal,
    high_for_effort,
    no_recovery,
    slow_recovery,
    beyond_maximum,
    beyond_own_maximum,
    bradycardia_warning,
    bradycardia_critical,
    bradycardia_of_an_athlete,
    low_asleep,
    falling,
    desaturation_warning,
    desaturation_critical,
    desaturation_in_sleep,
    desaturation_scale_2_warning,
    desaturation_scale_2_critical,
    heart_and_oxygen,
)
