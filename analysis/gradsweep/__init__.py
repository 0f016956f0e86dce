"""Analysis of gradsweep's results: exploding and vanishing gradients in recurrent networks.

The floors, an import only ever points down:

    report/             the report: one page of tables and figures
    plots/              figures
    data/               results files, as they are read
    theory/  networks/  formulas without a file; networks of other programs as network files
"""

__version__ = "0.1.0"
