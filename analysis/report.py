#!/usr/bin/env python3
"""Turns a gradsweep results file into one self-contained HTML page and its figures:

    report.py OUT.h5 -o report.html [--figures DIR] [--all]

What it does stands in gradsweep/report/command.py, beside this script.
"""

import sys

try:
    from gradsweep.report.command import main
except ImportError as error:
    if __name__ != "__main__":
        raise
    sys.exit(
        f"report.py: {error}. It needs h5py, numpy and matplotlib (Debian: python3-h5py python3-numpy "
        "python3-matplotlib, and then /usr/bin/python3)"
    )

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
