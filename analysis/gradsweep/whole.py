"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable


def write_whole(path: str, write: Callable[[str], object]) -> None:
    """`write` gets the name of a file beside `path` to write to, which then takes its place. Where it fails nothing is left
    of it, what was at `path` stays, and the error is passed on."""
    temporary = f"{path}.tmp"
    try:
        write(temporary)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
