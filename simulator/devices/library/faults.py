"""Scenarios in which something is the matter with the watch, and nothing with the person."""

from __future__ import annotations

from dataclasses import replace

from simulator.devices.library import conditions as c
from simulator.devices.library.story import Story, Tape

MINUTE = 60


def sensor_off(seed: int) -> Story:
    """The watch lies on the table, says so, and measures nonsense: 190 bpm and 70 %."""
    tape = Tape(seed, on_wrist=True)
    tape.live(10 * MINUTE)
    tape.on_wrist = False
    with tape.truth(c.SENSOR_OFF, "technical"):
        tape.live(20 * MINUTE, shown_heart_rate=190, shown_spo2=70)
    tape.on_wrist = True
    tape.live(10 * MINUTE)
    return tape.story("sensor-off", sensor_off.__doc__ or "")


def taken_off(seed: int) -> Story:
    """The watch is taken off to charge: zeros for some minutes, then nothing for half an hour."""
    tape = Tape(seed)
    tape.live(10 * MINUTE)
    with tape.truth(c.NO_HEART_RATE, "technical"), tape.truth(c.NO_SPO2, "technical"):
        tape.live(5 * MINUTE, shown_heart_rate=0, shown_spo2=0)
    with tape.truth(c.DEVICE_SILENT, "technical"):
        last = tape.readings[-1]
        tape.live(30 * MINUTE)
        tape.readings = tape.readings[: tape.readings.index(last) + 1]
    return _until_the_end(tape, taken_off.__doc__ or "", "taken-off")


def no_heart_rate(seed: int) -> Story:
    """The optical sensor loses the pulse for ten minutes; SpO2 and steps go on."""
    tape = Tape(seed)
    tape.live(10 * MINUTE)
    with tape.truth(c.NO_HEART_RATE, "technical"):
        tape.live(10 * MINUTE, shown_heart_rate=0)
    tape.live(10 * MINUTE)
    return tape.story("no-heart-rate", no_heart_rate.__doc__ or "")


def no_spo2(seed: int) -> Story:
    """SpO2 is zero for ten minutes; the heart rate goes on."""
    tape = Tape(seed)
    tape.live(10 * MINUTE)
    with tape.truth(c.NO_SPO2, "technical"):
        tape.live(10 * MINUTE, shown_spo2=0)
    tape.live(10 * MINUTE)
    return tape.story("no-spo2", no_spo2.__doc__ or "")


def implausible_heart_rate(seed: int) -> Story:
    """A broken sensor: 280 and 15 bpm in turn."""
    tape = Tape(seed)
    tape.live(10 * MINUTE)
    with tape.truth(c.IMPLAUSIBLE_HEART_RATE, "technical"):
        for turn in range(24):
            tape.live(15, shown_heart_rate=280 if turn % 2 else 15)
    tape.live(10 * MINUTE)
    return tape.story("implausible-heart-rate", implausible_heart_rate.__doc__ or "")


def jumping_heart_rate(seed: int) -> Story:
    """One reading a second that jumps between 60 and 175 bpm, as no heart does."""
    tape = Tape(seed, every=1.0)
    tape.live(5 * MINUTE)
    with tape.truth(c.IMPLAUSIBLE_HEART_RATE, "technical"):
        for turn in range(120):
            tape.live(1, shown_heart_rate=60 if turn % 2 else 175)
    tape.live(5 * MINUTE)
    return tape.story("jumping-heart-rate", jumping_heart_rate.__doc__ or "")


def implausible_spo2(seed: int) -> Story:
    """A broken sensor: SpO2 of 12 %."""
    tape = Tape(seed)
    tape.live(10 * MINUTE)
    with tape.truth(c.IMPLAUSIBLE_SPO2, "technical"):
        tape.live(6 * MINUTE, shown_spo2=12)
    tape.live(10 * MINUTE)
    return tape.story("implausible-spo2", implausible_spo2.__doc__ or "")


def battery_low(seed: int) -> Story:
    """The battery runs down from 24 % to 5 %, and is charged."""
    tape = Tape(seed)
    for tenths in range(240, 150, -2):
        tape.battery = tenths / 10
        tape.live(30)
    with tape.truth(c.BATTERY_LOW, "technical"):
        for tenths in range(148, 50, -2):
            tape.battery = tenths / 10
            tape.live(30)
    for charged in range(6, 60, 2):
        tape.battery = float(charged)
        tape.live(30)
    return tape.story("battery-low", battery_low.__doc__ or "")


def clock_an_hour_slow(seed: int) -> Story:
    """The watch never heard of summer time: every reading seems an hour old. Its wearer runs meanwhile."""
    tape = Tape(seed, clock_ms=-3_600_000)
    with tape.truth(c.CLOCK_SKEW, "technical"):
        tape.live(10 * MINUTE)
        tape.live(15 * MINUTE, 172, 168)
        tape.live(15 * MINUTE)
    return tape.story("clock-an-hour-slow", clock_an_hour_slow.__doc__ or "")


def device_silent(seed: int) -> Story:
    """In the middle of an ordinary day the watch falls silent."""
    tape = Tape(seed)
    tape.live(10 * MINUTE)
    last = tape.readings[-1]
    with tape.truth(c.DEVICE_SILENT, "technical"):
        tape.live(20 * MINUTE)
        tape.readings = tape.readings[: tape.readings.index(last) + 1]
    return _until_the_end(tape, device_silent.__doc__ or "", "device-silent")


def _until_the_end(tape: Tape, description: str, name: str) -> Story:
    """The silence begins with the last reading, and lasts until the end of the tape."""
    last = tape.readings[-1]
    tape.truths = [
        replace(truth, onset=last.received_at, end=tape.now) if truth.condition is c.DEVICE_SILENT else truth
        for truth in tape.truths
    ]
    return tape.story(name, description)


FAULTS = (
    sensor_off,
    taken_off,
    no_heart_rate,
    no_spo2,
    implausible_heart_rate,
    jumping_heart_rate,
    implausible_spo2,
    battery_low,
    clock_an_hour_slow,
    device_silent,
)
