"""The bases of every contract model: camelCase on the wire, frozen in memory."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

#: The name of something that people write documents about.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


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


class Document(BaseModel):
    """A part of a document that people write: an unknown field is a mistake, not an extension."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        # A limit that is no number is never passed: the rule would be silent for ever.
        allow_inf_nan=False,
    )
