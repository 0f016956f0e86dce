"""gradsweep export: a results file for other programs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import xarray as xr

from ..data.results import open_results
from ..data.selection import select
from ..data.tables import table_variables, tables
from ..whole import write_whole
from .arguments import add_results, add_selection, check_output, new_parser, parse_selection
from .table import WrongUse

if TYPE_CHECKING:
    import pandas

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".nc")


def parser() -> argparse.ArgumentParser:
    made = new_parser(
        "export",
        "gradsweep export out.h5 -o out.csv --select tanh,d=256\n"
        "gradsweep export out.h5 -o rates.parquet --datasets growth_rate,vanishing_guaranteed\n"
        "gradsweep export out.h5 --select identity,lag=64 | head\n"
        "gradsweep export out.h5 -o small.nc --select ginibre,lag=1:16",
        "A table is tidy: a row for each finished cell and lag, with its axes, kappa = rho gamma (coupling) and the datasets.",
    )
    add_results(made)
    add_selection(made)
    made.add_argument("-o", "--output", metavar="FILE", default="-", help=f"{', '.join(SUFFIXES)} by its suffix; -: CSV")
    made.add_argument("--datasets", metavar="NAME,...", help="these alone (default: all on the cells, and on cells and lags)")
    made.add_argument("--pending", action="store_true", help="rows for cells that are pending or failed too")
    return made


def main(options: argparse.Namespace) -> int:
    suffix = ".csv" if options.output == "-" else next((s for s in SUFFIXES if options.output.lower().endswith(s)), None)
    if suffix is None:
        raise WrongUse(f"{options.output}: tables are written as {', '.join(SUFFIXES)}")
    if options.output != "-":
        check_output(options.output)
    if suffix == ".parquet":
        _need_parquet()
    names = options.datasets.split(",") if options.datasets else None
    with open_results(options.results) as dataset:
        try:
            part = select(dataset, **parse_selection(dataset, options.select))
        except ValueError as error:
            raise WrongUse(str(error)) from error
        if suffix == ".nc":
            _write_netcdf(part, names, options.output)
        elif suffix == ".parquet":
            write_whole(options.output, lambda path: _write_parquet(tables(part, names, options.pending), path))
        elif options.output == "-":
            _write_csv(tables(part, names, options.pending), sys.stdout)
        else:
            write_whole(options.output, lambda path: _write_csv(tables(part, names, options.pending), path, suffix))
    if options.output != "-":
        print(options.output)
    return 0


def _write_csv(pieces: Iterator[pandas.DataFrame], target: Any, suffix: str = ".csv") -> None:
    compression = "gzip" if suffix.endswith(".gz") else None
    for number, frame in enumerate(pieces):
        frame.to_csv(target, index=False, header=number == 0, mode="w" if number == 0 else "a", compression=compression)


def _need_parquet() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise WrongUse("Parquet needs pyarrow, which is not there: pip install pyarrow, or write .csv.gz") from None


def _write_parquet(pieces: Iterator[pandas.DataFrame], path: str) -> None:
    import pyarrow
    import pyarrow.parquet

    writer = None
    for frame in pieces:
        piece = pyarrow.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pyarrow.parquet.ParquetWriter(path, piece.schema)
        writer.write_table(piece)
    if writer is not None:
        writer.close()


def _write_netcdf(part: xr.Dataset, names: list[str] | None, output: str) -> None:
    chosen = part if names is None else part[table_variables(part, names)]
    write_whole(output, lambda path: chosen.load().to_netcdf(path, engine="h5netcdf"))
