"""The base of the classes that are read from JSON or TOML."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Typed values that cannot be changed after they were read. Unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
