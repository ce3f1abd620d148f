"""What every message between processes has in common."""

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """A message whose every field is known: anything else in it is refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Reply(BaseModel):
    """A message of a service to its clients, which may gain fields: readers ignore what they do not know."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)
