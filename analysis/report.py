#!/usr/bin/env python3
"""Turns a gradsweep results file into one self-contained HTML page:

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
        f"report.py: {error}. It needs h5py, matplotlib, scipy, xarray and yaml (Debian: python3-h5py "
        "python3-matplotlib python3-scipy python3-xarray python3-yaml, and then /usr/bin/python3)"
    )

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
