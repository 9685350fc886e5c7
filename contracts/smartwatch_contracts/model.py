"""The base of every contract model: camelCase on the wire, frozen in memory."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Contract(BaseModel):
    """A model that is read by field or wire name and written by wire name.

    Unknown fields are ignored: a newer producer never breaks an older consumer.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        # An error message may end in a log, and the input may be a vital sign.
        hide_input_in_errors=True,
    )

    def to_json(self) -> str:
        """Compact JSON under wire names, absent values left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
