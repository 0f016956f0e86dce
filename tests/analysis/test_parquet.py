"""gradsweep export to Parquet, where pyarrow is not to be had: with a stand-in of what is called of it, and with its absence.

The stand-in keeps what it is given; that Parquet itself is written is pyarrow's own business."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import types
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "analysis")]

import pandas  # noqa: E402
from gradsweep.commands import main  # noqa: E402
from make_results import make  # noqa: E402


class Table:
    def __init__(self, frame: pandas.DataFrame) -> None:
        self.frame, self.schema = frame, tuple(frame.columns)

    @classmethod
    def from_pandas(cls, frame: pandas.DataFrame, *, preserve_index: bool) -> Table:
        assert not preserve_index
        return cls(frame)


class ParquetWriter:
    """As pyarrow.parquet's: a schema at the start, tables of that schema, nothing in the file before close()."""

    def __init__(self, where: str, schema: tuple) -> None:
        self.where, self.schema, self.frames = where, schema, []
        open(where, "wb").close()

    def write_table(self, table: Table) -> None:
        if table.schema != self.schema:
            raise ValueError("another schema")
        self.frames.append(table.frame)

    def close(self) -> None:
        pandas.concat(self.frames).to_csv(self.where, index=False)


class Parquet(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results, self.table, self.csv = (os.path.join(folder.name, name) for name in ("out.h5", "out.parquet", "out.csv"))
        make(self.results, hidden_sizes=(4,), radii=(0.5, 1.0), gammas=(1.0,), lags=(1, 2, 4))

    def export(self, output: str, pyarrow: types.ModuleType | None) -> tuple[int, str]:
        parquet = types.ModuleType("pyarrow.parquet")
        parquet.ParquetWriter = ParquetWriter
        modules = {"pyarrow": pyarrow, "pyarrow.parquet": parquet if pyarrow else None}
        if pyarrow:
            pyarrow.Table, pyarrow.parquet = Table, parquet
        error = io.StringIO()
        with mock.patch.dict(sys.modules, modules), contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
            return main.run("export", [self.results, "-o", output, "--select", "tanh"]), error.getvalue()

    def test_the_rows_of_the_csv(self) -> None:
        self.assertEqual(self.export(self.table, types.ModuleType("pyarrow")), (0, ""))
        self.assertEqual(self.export(self.csv, None), (0, ""))
        written = pandas.read_csv(self.table)
        pandas.testing.assert_frame_equal(written, pandas.read_csv(self.csv))
        self.assertGreater(len(written), 6)

    def test_without_pyarrow(self) -> None:
        """Wrong use, told before anything is read or written, with what to do."""
        code, said = self.export(self.table, None)
        self.assertEqual((code, os.path.exists(self.table)), (2, False))
        self.assertIn("pip install pyarrow, or write .csv.gz", said)

    def test_whole_or_not_at_all(self) -> None:
        with mock.patch.object(ParquetWriter, "close", side_effect=OSError("no space left")):
            code, said = self.export(self.table, types.ModuleType("pyarrow"))
        self.assertEqual((code, os.listdir(os.path.dirname(self.table))), (1, ["out.h5"]))
        self.assertIn("no space left", said)


if __name__ == "__main__":
    unittest.main()
