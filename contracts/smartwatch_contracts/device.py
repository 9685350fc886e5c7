"""Device payload v1: what a watch publishes to `smartwatch/<watch>/data`.

One reading, `{"deviceId": "watch-001", "timestamp": 1700000000, "heartRate": 72, "steps": 4, "spo2": 98}`, or several
under one device id, `{"deviceId": "watch-001", "readings": [{...}, ...]}`. Bounds are what is physically possible, not
what is healthy. Zero heart rate or SpO2 means "no signal". A vital that the watch does not measure is left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from smartwatch_contracts.model import Contract

#: An IoT thing name, which is also one MQTT topic level (AWS IoT `CreateThing`: `[a-zA-Z0-9:_-]+`, at most 128).
DEVICE_ID_PATTERN = r"^[A-Za-z0-9:_-]{1,128}$"

#: Timestamps below this are seconds since 1970, from here on milliseconds: 5138-11-16 in one, 1973-03-03 in the other.
MILLISECONDS_FROM = 100_000_000_000

#: Decimals of a percentage: finer than any sensor.
DECIMALS = 6

#: How far ahead of the broker's clock a reading may be, in milliseconds.
MAX_FUTURE_MS = 5 * 60 * 1000

#: What the wearer does, where the watch says it.
Activity = Literal["resting", "sleeping", "walking", "running", "cycling", "other"]

#: The watches of rehearsals. Whatever a person receives about one of them is marked DRILL.
DRILL_PREFIX = "drill-"


#: How the title of an alert about one begins.
DRILL_MARK = "DRILL: "


def is_drill(device_id: str) -> bool:
    return device_id.startswith(DRILL_PREFIX)


def titled(title: str, device_id: str) -> str:
    """An alert's title as people read it about this watch."""
    return f"{DRILL_MARK}{title}" if is_drill(device_id) else title


def _number(value: Any) -> Any:
    """JSON numbers only: pydantic's own lenient mode would take "72" and true for numbers too."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError("must be a number")
    return value


def _resolved(value: float) -> float:
    """As fine as any sensor measures: more digits than a store holds would hold up everybody else's readings."""
    return round(value, DECIMALS)


Number = BeforeValidator(_number)
Resolved = AfterValidator(_resolved)
Timestamp = Annotated[float, Field(gt=0, lt=MILLISECONDS_FROM * 1000, allow_inf_nan=False), Number]
HeartRate = Annotated[int, Field(ge=0, le=300, description="Beats per minute; 0 means no signal."), Number]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False, description="%"), Number, Resolved]
Spo2 = Annotated[
    float,
    Field(ge=0, le=100, allow_inf_nan=False, description="Oxygen saturation, %; 0 means no signal."),
    Number,
    Resolved,
]
Steps = Annotated[int, Field(ge=0, le=1_000_000, description="Steps since the previous reading."), Number]


def _activity(value: Any) -> Any:
    """A watch may know activities that are not in the list: no reason to refuse a reading."""
    return "other" if isinstance(value, str) and value not in get_args(Activity) else value


class DeviceReading(Contract):
    """One reading as a watch sends it. `timestamp` is in seconds or in milliseconds since 1970."""

    # Unknown fields are kept for one purpose: to count them.
    model_config = ConfigDict(extra="allow")

    timestamp: Timestamp
    heart_rate: HeartRate | None = None
    steps: Steps | None = None
    spo2: Spo2 | None = None
    sequence: Annotated[int, Field(ge=0, lt=2**53), Number] | None = None
    on_wrist: Annotated[bool, Field(strict=True)] | None = None
    battery: Percent | None = None
    quality: Percent | None = None
    activity: Annotated[Activity, BeforeValidator(_activity)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> DeviceReading:
        if self.heart_rate is None and self.steps is None and self.spo2 is None:
            raise ValueError("must have at least one of heartRate, steps, spo2")
        return self

    @property
    def timestamp_ms(self) -> int:
        """Milliseconds since 1970, whichever of the two the watch sent."""
        return round(self.timestamp * 1000) if self.timestamp < MILLISECONDS_FROM else round(self.timestamp)

    @property
    def unknown_fields(self) -> int:
        return len(self.model_extra or {})


class SingleReadingPayload(DeviceReading):
    """Device payload v1 with one reading."""

    device_id: Annotated[str, Field(pattern=DEVICE_ID_PATTERN)]


class ReadingsPayload(Contract):
    """Device payload v1 with several readings: a minute at a time, or what a gap left behind."""

    device_id: Annotated[str, Field(pattern=DEVICE_ID_PATTERN)]
    readings: Annotated[list[DeviceReading], Field(min_length=1)]


class StatusPayload(Contract):
    """What a watch publishes to `smartwatch/<watch>/status`: when it connects, when it leaves, and as its last will.

    A watch that leaves on purpose says `goodbye`; its last will, published by the broker, says `lost`.
    """

    device_id: Annotated[str, Field(pattern=DEVICE_ID_PATTERN)]
    status: Literal["online", "offline"]
    reason: Literal["goodbye", "lost"] | None = None
