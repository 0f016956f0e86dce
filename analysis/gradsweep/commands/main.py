"""Where `gradsweep NAME ...` arrives for the commands of the analysis: python3 -m gradsweep.commands.main NAME ...

Exit codes: 0 done; 1 a file that cannot be read or written, or has nothing to draw; 2 wrong use; 69 (EX_UNAVAILABLE) a
package is missing, which libexec/gradsweep-analysis takes as a reason to try another Python.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from .table import COMMANDS, DEBIAN, FAILED, INTERRUPTED, PACKAGES, UNAVAILABLE, WRONG_USE, WrongUse


def run(name: str, arguments: Sequence[str]) -> int:
    """The exit code of a command; what goes wrong is one line on stderr."""
    if name not in COMMANDS:
        return _fail(name, f"there is no such command of the analysis; there are {', '.join(COMMANDS)}", WRONG_USE)
    # Before NumPy is there. The products here are small: threads of BLAS that wait for them took a third of the processors' time.
    for threads in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(threads, "1")
    try:
        module = importlib.import_module(f".{COMMANDS[name].module}", __package__)
        options = module.parser().parse_args(arguments)
        code = module.main(options)
        sys.stdout.flush()
        return code
    except ImportError as error:
        if not os.environ.get("GRADSWEEP_TRIES_ANOTHER_PYTHON"):
            _fail(name, _missing(error), UNAVAILABLE)
        return UNAVAILABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read what was printed has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except WrongUse as error:
        return _fail(name, str(error), WRONG_USE)
    except Exception as error:
        if _is_expected(error):
            return _fail(name, str(error), FAILED)
        raise


def _is_expected(error: Exception) -> bool:
    from ..data.results import ResultsError
    from ..data.selection import NothingToDraw

    return isinstance(error, (ResultsError, NothingToDraw, OSError))


def _missing(error: ImportError) -> str:
    name = getattr(error, "name", None) or "?"
    return (
        f"{sys.executable} cannot import {name} ({error}). The analysis needs {', '.join(PACKAGES)}: apt-get install {DEBIAN} "
        "(Debian), or pip install ./analysis in gradsweep's source; GRADSWEEP_PYTHON=/usr/bin/python3 chooses another Python"
    )


def _fail(name: str, message: str, code: int) -> int:
    print(f"gradsweep {name}: error: {message}", file=sys.stderr)
    return code


def main() -> None:
    """For gradsweep-NAME as pip installs it, and for python3 -m gradsweep.commands.main NAME."""
    called = os.path.basename(sys.argv[0])
    if called.startswith("gradsweep-"):
        sys.exit(run(called[len("gradsweep-") :].removesuffix(".exe"), sys.argv[1:]))
    if len(sys.argv) < 2:
        sys.exit(_fail("analysis", f"which command? {', '.join(COMMANDS)}", WRONG_USE))
    sys.exit(run(sys.argv[1], sys.argv[2:]))


if __name__ == "__main__":
    main()
