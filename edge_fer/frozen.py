"""The base of everything that is read from JSON or TOML."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Typed values that do not change once they are read. A field that the class does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
