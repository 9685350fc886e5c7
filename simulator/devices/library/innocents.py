"""Scenarios in which nothing is the matter, however it looks to a single limit. Nobody may be woken."""

from __future__ import annotations

from smartwatch_contracts.profiles import Profile

from simulator.devices.library.conditions import DEVICE_SILENT
from simulator.devices.library.story import Story, Tape

MINUTE = 60
HOUR = 60 * MINUTE


def ordinary_day(seed: int) -> Story:
    """Hours of sitting and walking about."""
    tape = Tape(seed, every=10.0)
    for _ in range(16):
        tape.live(tape.random.uniform(5, 20) * MINUTE, tape.rest + tape.random.uniform(0, 15))
        tape.live(tape.random.uniform(2, 12) * MINUTE, tape.rest + 35, 108)
    return tape.story("ordinary-day", ordinary_day.__doc__ or "")


def hard_run(seed: int) -> Story:
    """Forty minutes at 178 to 192 bpm, told by the steps alone."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    tape.live(3 * MINUTE, 110, 112)
    tape.live(30 * MINUTE, 178, 170)
    tape.live(7 * MINUTE, 192, 182)
    tape.live(4 * MINUTE, 110, 100)
    tape.live(20 * MINUTE)
    return tape.story("hard-run", hard_run.__doc__ or "")


def interval_training(seed: int) -> Story:
    """Eight times ninety seconds at full speed, with ninety seconds of standing in between."""
    tape = Tape(seed)
    tape.live(3 * MINUTE)
    tape.live(8 * MINUTE, 140, 160)
    for _ in range(8):
        tape.live(90, 196, 185)
        tape.live(90, 100)
    tape.live(20 * MINUTE)
    return tape.story("interval-training", interval_training.__doc__ or "")


def stairs(seed: int) -> Story:
    """Up to the eighth floor, and again: 150 bpm for two minutes at a time."""
    tape = Tape(seed)
    for _ in range(4):
        tape.live(6 * MINUTE)
        tape.live(2 * MINUTE, 156, 88)
    tape.live(10 * MINUTE)
    return tape.story("stairs", stairs.__doc__ or "")


def cycling(seed: int) -> Story:
    """An hour on the bicycle at 165 bpm without a step; the watch says what it is."""
    tape = Tape(seed, activity="resting")
    tape.live(5 * MINUTE)
    tape.activity = "cycling"
    tape.live(60 * MINUTE, 165)
    tape.activity = "resting"
    tape.live(20 * MINUTE)
    return tape.story("cycling", cycling.__doc__ or "")


def weights(seed: int) -> Story:
    """Weights: sets of half a minute at 145 bpm, with pauses and hardly a step."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    for _ in range(12):
        tape.live(35, 165, 4)
        tape.live(105, 92, 8, within=35)
    tape.live(15 * MINUTE)
    return tape.story("weights", weights.__doc__ or "")


def sleeping_athlete(seed: int) -> Story:
    """A night at 38 bpm, usual for its wearer."""
    tape = Tape(seed, every=30.0, activity="sleeping", resting=44)
    tape.live(3 * HOUR, 38)
    tape.live(10 * MINUTE, 52)
    tape.live(2 * HOUR, 38)
    tape.activity = "resting"
    tape.live(20 * MINUTE, 48)
    profile = Profile(device_id="person", resting_heart_rate=44)
    return tape.story("sleeping-athlete", sleeping_athlete.__doc__ or "", profile)


def nightmare(seed: int) -> Story:
    """Asleep, the heart goes up to 126 bpm for three minutes."""
    tape = Tape(seed, activity="sleeping")
    tape.live(40 * MINUTE, 52)
    tape.live(3 * MINUTE, 128, within=20)
    tape.live(20 * MINUTE, 54)
    return tape.story("nightmare", nightmare.__doc__ or "")


def cold_hands(seed: int) -> Story:
    """Cold fingers: SpO2 of 74 to 84 % of poor quality, and short dips that claim a better one."""
    tape = Tape(seed, quality=80)
    tape.live(5 * MINUTE)
    for turn in range(15):
        tape.live(80, shown_spo2=74 + turn % 11, quality=18)
        tape.live(40)
        tape.live(20, shown_spo2=86, quality=55)
        tape.live(40)
    tape.live(10 * MINUTE)
    return tape.story("cold-hands", cold_hands.__doc__ or "")


def backfill(seed: int) -> Story:
    """After a flight of five hours the watch sends what it kept: with a run through the airport in it."""
    tape = Tape(seed, every=15.0)
    tape.live(10 * MINUTE)
    with tape.offline(), tape.truth(DEVICE_SILENT, "technical"):
        tape.live(10 * MINUTE, 168, 150)
        tape.live(100 * MINUTE)
        tape.live(15 * MINUTE, 136)
        tape.live(60 * MINUTE, spo2=89)
        tape.live(115 * MINUTE)
    tape.live(30 * MINUTE)
    return tape.story("backfill", backfill.__doc__ or "")


def flapping_at_the_limit(seed: int) -> Story:
    """118 to 122 bpm at rest for forty minutes, to and fro across the limit."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    tape.live(40 * MINUTE, 120, within=40)
    tape.live(10 * MINUTE)
    return tape.story("flapping-at-the-limit", flapping_at_the_limit.__doc__ or "")


def standing_up(seed: int) -> Story:
    """Standing up all at once: thirty beats more, for half a minute."""
    tape = Tape(seed)
    for _ in range(6):
        tape.live(5 * MINUTE)
        tape.live(30, tape.rest + 32, 20, within=6)
    tape.live(5 * MINUTE)
    return tape.story("standing-up", standing_up.__doc__ or "")


def hot_shower(seed: int) -> Story:
    """118 bpm for eight minutes under the hot shower, a little more for one of them."""
    tape = Tape(seed)
    tape.live(10 * MINUTE)
    tape.live(4 * MINUTE, 118, 10)
    tape.live(1 * MINUTE, 124, 10)
    tape.live(3 * MINUTE, 118, 10)
    tape.live(15 * MINUTE)
    return tape.story("hot-shower", hot_shower.__doc__ or "")


def motion_artefacts(seed: int) -> Story:
    """Single readings of nonsense while the arm moves: 210, 33 and 186 bpm, 72 and 80 %."""
    tape = Tape(seed)
    tape.live(5 * MINUTE)
    for turn in range(20):
        tape.live(5, steps=20, shown_heart_rate=(210, 33, 186)[turn % 3], shown_spo2=(72, 80)[turn % 2])
        tape.live(75, steps=20)
    tape.live(10 * MINUTE)
    return tape.story("motion-artefacts", motion_artefacts.__doc__ or "")


def cadence_lock(seed: int) -> Story:
    """Running at 140 bpm, the sensor counts the steps instead: 172 bpm for ten minutes."""
    tape = Tape(seed)
    tape.live(3 * MINUTE)
    tape.live(10 * MINUTE, 140, 172)
    tape.live(10 * MINUTE, 140, 172, shown_heart_rate=172)
    tape.live(10 * MINUTE, 140, 172)
    tape.live(15 * MINUTE)
    return tape.story("cadence-lock", cadence_lock.__doc__ or "")


def chronic_lung_disease(seed: int) -> Story:
    """Somebody whose target is 88 to 92 %, at 88 to 91 %: as well as ever."""
    tape = Tape(seed, every=10.0, well=89.5)
    tape.live(3 * HOUR, tape.rest + 10)
    profile = Profile(device_id="person", spo2_scale=2)
    return tape.story("chronic-lung-disease", chronic_lung_disease.__doc__ or "", profile)


def fever(seed: int) -> Story:
    """In bed with a fever: 105 to 112 bpm for six hours."""
    tape = Tape(seed, every=10.0)
    for _ in range(6):
        tape.live(30 * MINUTE, 106)
        tape.live(30 * MINUTE, 111)
    return tape.story("fever", fever.__doc__ or "")


def excitement(seed: int) -> Story:
    """The last five minutes of the match: 128 bpm on the sofa."""
    tape = Tape(seed)
    tape.live(15 * MINUTE, 78)
    tape.live(5 * MINUTE, 129, within=30)
    tape.live(15 * MINUTE, 82)
    return tape.story("excitement", excitement.__doc__ or "")


def mountain_air(seed: int) -> Story:
    """92 to 94 % at 2,500 metres, at a walk and at rest."""
    tape = Tape(seed, every=10.0, well=93.2)
    for _ in range(4):
        tape.live(25 * MINUTE, 128, 100)
        tape.live(15 * MINUTE, 88)
    return tape.story("mountain-air", mountain_air.__doc__ or "")


INNOCENTS = (
    ordinary_day,
    hard_run,
    interval_training,
    stairs,
    cycling,
    weights,
    sleeping_athlete,
    nightmare,
    cold_hands,
    backfill,
    flapping_at_the_limit,
    standing_up,
    hot_shower,
    motion_artefacts,
    cadence_lock,
    chronic_lung_disease,
    fever,
    excitement,
    mountain_air,
)
