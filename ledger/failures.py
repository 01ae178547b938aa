"""Failures as a log tells of them: of what kind, and where; never in words, which may quote what is stored."""

from __future__ import annotations

import traceback
from typing import Any

FRAMES = 12


def trace(error: BaseException) -> dict[str, Any]:
    """Where an error came from. Its message is left out: a database's may quote what was stored."""
    frames = traceback.extract_tb(error.__traceback__)
    cause = error.__cause__ or error.__context__
    return {
        "error": type(error).__qualname__,
        "cause": type(cause).__qualname__ if cause else None,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-FRAMES:]],
    }
