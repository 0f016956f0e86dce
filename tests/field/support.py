"""What the tests of the field share: all of tests/command/command.py, and systems where chosen calls fail.

A driver begins with `import support` and `from support import ...`, and ends with `support.main()`."""

import errno
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "command"))
from command import *  # noqa: F401,F403 (handed on)
from command import main, tool  # noqa: F401


# Names of numbers that have several.
NAMES = {errno.EOPNOTSUPP: "EOPNOTSUPP"}


def denied(**calls):
    """The beginning of a command line under which calls fail, e.g. denied(flock=errno.ENOSYS, setlk=errno.ENOLCK): a launcher
    for command.gradsweep (`launcher=`), or before one: `denied(...) + command_line(..., ranks=2)`. deny.c has the names."""
    return [tool("deny")] + [f"{name}={NAMES.get(number, errno.errorcode[number])}" for name, number in calls.items()] + ["--"]
