#!/usr/bin/env python3
"""Turns a recurrent network of PyTorch, and sequences of inputs, into a network file for gradsweep:

    export_torch.py CHECKPOINT -o NETWORK.h5 [--inputs FILE [--batch-first]] [--targets FILE] [--initial-state FILE]
                                             [--nonlinearity tanh|relu] [--prefix NAME.]
    export_torch.py FOLDER -o FOLDER ...     every checkpoint of a folder, each into a network file of its name

What it does, and the mapping of conventions, stand in gradsweep/networks/export.py, beside this script.
"""

import sys

try:
    from gradsweep.networks.export import main
except ImportError as error:
    if __name__ != "__main__":
        raise
    sys.exit(
        f"export_torch.py: {error}. It needs h5py and numpy (Debian: python3-h5py python3-numpy, and then "
        "/usr/bin/python3)"
    )

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
