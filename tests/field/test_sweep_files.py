"""Sweep files as people write them: each is read as PyYAML reads it, or refused with its place and what is wrong.

PyYAML speaks YAML 1.1 and a sweep file is YAML 1.2. Where the two read other values the file is refused, but for numbers
that PyYAML takes for texts (1e-3)."""

import math
import os
import random
import subprocess
import unittest

import support
from support import CommandTest, gradsweep

try:
    import yaml
except ImportError:
    yaml = None

GRID = "grid: {hidden_size: 16, spectral_radius: 1, gamma: 1, lag: 4}\n"

# Read by both, to the same values.
READ = {
    "closing bracket under its key": "grid:\n  hidden_size: 16\n  spectral_radius: [\n    0.5,\n    1.0,\n  ]\n  gamma: 1\n  lag: 4\n",
    "closing brace under its key": "grid: {\n  hidden_size: 16, spectral_radius: 1,\n  gamma: {\n  start: 0.5, stop: 1,\n num: 3\n},\n  lag: 4\n}\n",
    "brackets at the margin": "grid:\n  hidden_size: [\n8,\n16\n]\n  spectral_radius: 1\n  gamma: 1\n  lag: [1,\n2,\n]\n",
    "text going on at the margin": 'name: "two\nlines"\n' + GRID,
    "texts of several lines": "name: one\n  two\n  three\n" + GRID,
    "merged mapping": "weights:\n  ensemble:\n    - &base {kind: sparse, density: 0.1, label: s10}\n"
                      "    - {<<: *base, density: 0.2, label: s20}\n" + GRID,
    "merged from the end": "weights:\n  ensemble:\n    - &base {kind: sparse, density: 0.1, label: s10}\n"
                           "    - {density: 0.2, label: s20, <<: *base}\n" + GRID,
    "merged list, the first wins": "weights:\n  ensemble:\n    - &a {kind: sparse, density: 0.1, label: s}\n"
                                   "    - &b {kind: elliptic, tau: 0.5, label: e}\n"
                                   "    - {<<: [*a], label: x}\n    - <<: [{label: y}, *b]\n" + GRID,
    "merged in levels": "model:\n  input: &i {kind: gaussian, scale: 2}\n  bias: &b {<<: *i, scale: 3}\n"
                        "  initial_state: {<<: *b}\n" + GRID,
    "merged sections": "model: &m {activation: [relu, tanh], warmup: 7}\n" + GRID.replace("{", "{<<: {lag: 9, gamma: 0.5}, "),
    "merge of nothing": "model: {<<: {}, warmup: 7}\n" + GRID,
    "aliases of all kinds": "grid:\n  hidden_size: &n [4, 8]\n  spectral_radius: &one 1\n  gamma: *one\n  lag: *n\n",
    "an alias for a key": "name: &k warmup\nmodel: {*k : 7}\n" + GRID,
    "comments everywhere": "# first\n\ngrid: # here\n  # there\n  hidden_size: # below\n    16\n  spectral_radius: [ # in\n    0.5, # a\n"
                           "    # b\n    1 ] # c\n  gamma: 1 #d\n  lag: 4\n#last",
    "a sign that begins no comment": "name: a#b\n" + GRID,
    "trailing commas": "model: {activation: [tanh, relu,], loss: {kind: linear,},}\n" + GRID,
    "quotes": "name: 'it''s \"this\"'\nmodel: {'activation': \"tanh\", \"loss\": 'linear'}\n" + GRID,
    "escapes": 'name: "a\\tb\\x41\\u00e9\\U0001F600\\"\\\\\\/"\n' + GRID,
    "a literal text": "name: |\n  two\n  lines\n" + GRID,
    "a folded text": "name: >-\n  one\n  line\n" + GRID,
    "a literal text with marks": "name: |2+\n    indented\n\n" + GRID,
    "document markers": "---\n" + GRID + "...\n",
    "a marker with its document": "--- {grid: {hidden_size: 16, spectral_radius: 1, gamma: 1, lag: 4}}\n",
    "a version": "%YAML 1.1\n---\n" + GRID,
    "carriage returns": GRID.replace("\n", "\r\n") + "model:\r\n  warmup: 3\r\n  activation: [\r\n    tanh,\r\n  ]\r\n",
    "old carriage returns": "model:\r  warmup: 3\r" + GRID.replace("\n", "\r"),
    "a byte-order mark": "\ufeff" + GRID,
    "no end of the last line": GRID[:-1],
    "blanks at the ends of lines": "model:   \n  warmup: 3   \n" + GRID,
    "tabs before comments": GRID[:-1] + "\t# a comment\n",
    "lists without an indent": "model:\n  activation:\n  - tanh\n  - relu\n" + GRID,
    "nested lists of mappings": "weights:\n  ensemble:\n    -   kind: sparse\n        density: 0.5\n    - ginibre\n" + GRID,
    "explicit keys": "? model\n: ? warmup\n  : 3\n" + GRID,
    "JSON": '{"grid": {"hidden_size": [16, 32], "spectral_radius": 1.5, "gamma": 1.0, "lag": {"log2": 8}},\n'
            ' "model": {"activation": ["tanh"], "warmup": 5}}',
    "numbers of all kinds": "grid:\n  hidden_size: [+1, 2, 07]\n  spectral_radius: [.5, 1., 1.5, 2.0e+0, 25.0e-1]\n  gamma: [1.0E+1, 0.1]\n"
                            "  lag: [1, 2]\n",
    "letters of other languages": "name: Größe – ρ γ 谱半径\nweights: {ensemble: {kind: sparse, label: “dünn”}}\n" + GRID,
    "a no-break space in a text": "name: 10\u00a0000 Netze\n" + GRID,
    "look-alikes in comments": "# no-break\u00a0space – “quotes”\n" + GRID,
    "ranges": "grid:\n  hidden_size: {start: 4, stop: 12, step: 4}\n  spectral_radius: {start: 0.5, stop: 1.5, num: 11}\n"
              "  gamma: {start: 0.1, stop: 10, num: 5, scale: log}\n  lag: {log2: 64}\n",
    "a long line": "grid: {hidden_size: 16, spectral_radius: 1, gamma: 1, lag: [" + ", ".join(map(str, range(1, 9000))) + "]}\n",
}

# Numbers here, texts for PyYAML.
NUMBERS = {"1e-3": 1e-3, "1e3": 1000, "1.5e3": 1500, "1.e2": 100, "+.5": 0.5, "2E2": 200, "08": 8, "1e+0": 1}

# Refused: with the place and the words; whether PyYAML reads them too.
REFUSED = {
    "octal or decimal": (GRID.replace("lag: 4", "lag: 010"), "1:60: error: .*found 010 \\(8 in YAML 1.1, 10 in YAML 1.2", True),
    "an underscore": (GRID.replace("lag: 4", "lag: 1_000"), "found 1_000 \\(some readers .* 1000", True),
    "minutes": (GRID.replace("lag: 4", "lag: 1:30"), "found 1:30 \\(some readers .* 90", True),
    "hexadecimal": (GRID.replace("lag: 4", "lag: 0x10"), "found 0x10 \\(some readers .* 16", True),
    "a boolean for YAML 1.1": ("numerics: {certify: on}\n" + GRID, "1:21: error: .*true or false, found on", True),
    "infinity": (GRID.replace("gamma: 1", "gamma: .inf"), "found .inf", True),
    "null": (GRID.replace("gamma: 1", "gamma: ~"), "1:52: error: .*found nothing", True),
    "decimal comma": (GRID.replace("gamma: 1", "gamma: 0,5"), "grid: unknown key \"5\"|found 0|not YAML", True),
    "a tab for an indent": ("model:\n\twarmup: 1\n" + GRID, "2:1: error: not YAML: tab character may not", False),
    "a no-break space before a value": ("model:\n  warmup:\u00a03\n" + GRID, "2:10: error: U\\+00A0 stands here, a no-break space", True),
    "a no-break space for an indent": ("model:\n\u00a0 warmup: 3\n" + GRID, "2:1: error: U\\+00A0 stands here", True),
    "a no-break space after a value": (GRID.replace("lag: 4", "lag: 4\u00a0"), "1:61: error: U\\+00A0 stands here", True),
    "an ideographic space": (GRID.replace("lag: 4", "lag:\u30004"), "U\\+3000 stands here, an ideographic space", True),
    "zero width": (GRID.replace("lag: 4", "lag: 4\u200b"), "1:61: error: U\\+200B stands here, an invisible character", True),
    "a typographic minus sign": (GRID.replace("gamma: 1", "gamma: \u22121"), "1:52: error: U\\+2212 stands here", True),
    "a typographic quote": ("model: {loss: \u201clinear\u201d}\n" + GRID, "1:15: error: U\\+201C stands here, a typographic quote", True),
    "UTF-16": (GRID.encode("utf-16"), "1:1: error: the file is UTF-16 text; .* iconv -f UTF-16", True),
    "UTF-16 without a mark": (GRID.encode("utf-16-be"), "1:1: error: the file is UTF-16 text", False),
    "UTF-32": (GRID.encode("utf-32"), "1:1: error: the file is UTF-32 text", False),
    "UTF-32 without a mark": (GRID.encode("utf-32-le"), "1:1: error: the file is UTF-32 text", False),
    "Latin-1": (("name: Größe\n" + GRID).encode("latin-1"), "1:9: error: byte 0xf6 is no UTF-8 text; if the file is", False),
    "zeros of a lost page": (GRID.encode() + bytes(64), "2:1: error: byte 0x00 is no UTF-8 text; the file is damaged", False),
    "a bell": ("name: a\x07\n" + GRID, "1:8: error: the control character U\\+0007", False),
    "a line break of YAML 1.1": ("# a\u2028seed: 3\n" + GRID, "1:4: error: U\\+2028 ends a line", True),
    "a repeated key": ("seed: 1\n" + GRID + "seed: 2\n", "3:1: error: repeated key \"seed\"; it stands on line 1 already", True),
    "a repeated merge key": ("weights:\n  ensemble:\n    - &a {kind: sparse}\n    - {<<: *a, <<: *a, label: b}\n" + GRID,
                             "4:16: error: .*unknown key \"<<\"", True),
    "a repeated anchor": ("name: &a x\nmodel: {loss: &a linear}\n" + GRID, "2:18: error: repeated anchor \"&a\"; it stands on line 1", False),
    "an unknown alias": ("name: *a\n" + GRID, "1:8: error: no anchor \"&a\" stands above", False),
    "an alias before its anchor": ("name: *a\nmodel: {loss: &a linear}\n" + GRID, "1:8: error: no anchor", False),
    "an alias in itself": ("model: &a {loss: *a}\n" + GRID, "1:19: error: \"\\*a\" stands inside itself", True),
    "a merge of a text": ("model: {<<: linear}\n" + GRID, "1:13: error: \"<<\" merges a mapping or a list of mappings", False),
    "two documents": ("---\n" + GRID + "---\n" + GRID, "4:1: error: a sweep file is one document", False),
    "a tag": ("seed: !!int '3'\n" + GRID, "a sweep file has no tags", True),
    "no blank behind the colon": ("seed:3\n" + GRID, "error: not YAML|error: unknown key", False),
    "a bracket that is not closed": ("grid:\n  gamma: [1, 2\n  lag: 3\n", "4:1: error: not YAML: .*in the list that opens on line 2", False),
    "a quote that is not closed": ('name: "x\n' + GRID, "1:8: error: not YAML: double-quoted scalar without closing quote", False),
    "nothing": ("", "1:1: error: the file is empty", True),
    "comments alone": ("# nothing\n", "1:1: error: the file is empty", True),
    "an HDF5 file": (b"\x89HDF\r\n\x1a\n" + bytes(100), "1:1: error: this is an HDF5 file", False),
    "a zip archive": (b"PK\x03\x04" + bytes(100), "1:1: error: this is a zip archive", False),
    "deep nesting": ("a: " + "[" * 60 + "]" * 60 + "\n" + GRID, "nested more than 32 levels deep", True),
}


def as_number(value):
    """Of what PyYAML read: numbers, and the texts that are numbers here."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else float(value)


def axis(given):
    """The values of a numeric axis, as design and help text say."""
    if given == "native":
        return given
    if not isinstance(given, dict):
        return sorted(map(as_number, given if isinstance(given, list) else [given]))
    numbers = {key: as_number(value) for key, value in given.items() if key != "scale"}
    if "log2" in numbers:
        return [2**i for i in range(int(math.log2(numbers["log2"])) + 1)]
    low, high = sorted((numbers["start"], numbers["stop"]))
    if "step" in numbers:
        return list(range(int(low), int(high) + 1, int(numbers["step"])))
    shares = [i / max(numbers["num"] - 1, 1) for i in range(int(numbers["num"]))]
    if given.get("scale") == "log":
        return [low * (high / low) ** share for share in shares]
    return [low + share * (high - low) for share in shares]


def as_kind(given):
    return given if isinstance(given, dict) else {"kind": given}


class SweepFiles(CommandTest):
    def effective(self, texts):
        """For each text what the program reads (a dictionary), or the mistakes it tells (a text)."""
        paths = []
        for number, text in enumerate(texts):
            paths.append(self.path(f"sweep{number}.yaml"))
            with open(paths[-1], "wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode())
        ended = subprocess.run([support.tool("effective_sweep")] + paths, capture_output=True, timeout=100)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        answers = ended.stdout.decode().split("\0")[:-1]
        self.assertEqual(len(answers), len(texts))
        return [yaml.load(text[1:], Loader) if text[0] == "+" else text[1:] for text in answers]

    def assert_number(self, given, effective, what):
        self.assertAlmostEqual(as_number(given), as_number(effective), delta=2e-11 * abs(as_number(given)), msg=what)

    def assert_kind(self, given, effective, what):
        for key, value in as_kind(given).items():
            if isinstance(effective[key], str):
                self.assertEqual(str(value), effective[key], what)
            else:
                self.assert_number(value, effective[key], f"{what}: {key}")

    def assert_agrees(self, given, effective, what):
        """Every value of the file is among the effective ones."""
        for section, entries in given.items():
            for key, value in entries.items() if isinstance(entries, dict) else [(None, entries)]:
                where = f"{what}: {section}.{key}"
                found = effective[section] if key is None else effective[section][key]
                if section == "grid":
                    expected = axis(value)
                    self.assertEqual(len(expected), len(found), where)
                    for one, other in zip(expected, found):
                        self.assertEqual(one, other, where) if isinstance(one, str) else self.assert_number(one, other, where)
                elif key == "ensemble":
                    ensembles = value if isinstance(value, list) else [value]
                    self.assertEqual(len(ensembles), len(found), where)
                    for one, other in zip(ensembles, found):
                        self.assert_kind(one, other, where)
                elif key == "activation":
                    self.assertEqual(value if isinstance(value, list) else [value], found, where)
                elif isinstance(found, dict):
                    self.assert_kind(value, found, where)
                elif section == "measure":
                    names = [next(iter(one)) if isinstance(one, dict) else one for one in (value if isinstance(value, list) else [value])]
                    self.assertLessEqual(set(names), {next(iter(one)) if isinstance(one, dict) else one for one in found}, where)
                elif section == "name":
                    self.assertEqual(str(value).replace("\t", " "), str(found).replace("\t", " "), where)
                elif value != "auto":
                    self.assertEqual(as_number(value) if not isinstance(value, bool) else value, found, where)

    @unittest.skipIf(yaml is None, "PyYAML is absent")
    def test_read_as_pyyaml_reads_it(self):
        for (what, text), effective in zip(READ.items(), self.effective(READ.values())):
            with self.subTest(what):
                self.assertIsInstance(effective, dict, effective)
                self.assert_agrees(without_tabs(text), effective, what)
                if what in ("escapes", "a literal text", "a literal text with marks", "a folded text"):
                    self.assertEqual(effective["name"], yaml.safe_load(text)["name"])

    @unittest.skipIf(yaml is None, "PyYAML is absent")
    def test_numbers_that_pyyaml_takes_for_texts(self):
        texts = [GRID.replace("gamma: 1", f"gamma: {spelling}") for spelling in NUMBERS]
        for (spelling, value), text, effective in zip(NUMBERS.items(), texts, self.effective(texts)):
            with self.subTest(spelling):
                self.assertEqual(yaml.safe_load(text)["grid"]["gamma"], spelling)
                self.assertEqual(effective["grid"]["gamma"], [value])

    @unittest.skipIf(yaml is None, "PyYAML is absent")
    def test_refused_with_place_and_reason(self):
        texts = [text for text, _, _ in REFUSED.values()]
        for (what, (text, words, is_read)), answer in zip(REFUSED.items(), self.effective(texts)):
            with self.subTest(what):
                self.assertIsInstance(answer, str, answer)
                self.assertRegex(answer, words)
                self.assertRegex(answer, r"sweep\d+\.yaml:\d+:\d+: error: ")
                try:
                    yaml.safe_load(text.encode() if isinstance(text, str) else text)
                    self.assertTrue(is_read, "PyYAML reads it")
                except (yaml.YAMLError, UnicodeError, RecursionError, ValueError):
                    self.assertFalse(is_read, "PyYAML refuses it")

    @unittest.skipIf(yaml is None, "PyYAML is absent")
    def test_no_changed_file_is_read_otherwise(self):
        """Files changed at random: what both read at all, they read to the same values. Nothing passes for another number.
        PyYAML takes no tabs, nor keys on several lines in brackets, though YAML does."""
        draw = random.Random(12)
        texts = [changed(draw, draw.choice(list(READ.values()))[:1500]) for _ in range(1500)]
        accepted, compared = 0, 0
        for text, effective in zip(texts, self.effective(texts)):
            if isinstance(effective, dict):
                accepted += 1
                try:
                    given = without_tabs(text)
                except yaml.YAMLError:
                    continue
                compared += 1
                with self.subTest(text):
                    self.assert_agrees(given, effective, text)
        self.assertGreater(compared, 150)
        self.assertGreater(compared, 0.95 * accepted)

    def test_the_command(self):
        """The words reach stderr, with exit code 2, before anything is made."""
        for text, words, _ in (REFUSED["octal or decimal"], REFUSED["UTF-16"], REFUSED["an HDF5 file"]):
            with open(self.path("bad.yaml"), "wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode())
            ended = gradsweep("run", self.path("bad.yaml"), "-o", self.path("out.h5"))
            self.assertEqual(ended.returncode, 2)
            self.assertRegex(ended.stderr, words)
            self.assertEqual(os.listdir(self.folder), ["bad.yaml"])


def without_tabs(text):
    """What PyYAML reads with blanks for tabs, of which it takes none."""
    return yaml.load(text.replace("\t", " ").encode(), Loader)


def changed(draw, text):
    """One or two changes of the text: a character or a line replaced, inserted, left out or moved."""
    telling = "[]{}:,-#&*!|>'\"%@? \n\t~0123456789.eE+_x\\\u00a0\u2013\u201c\r"
    for _ in range(draw.randint(1, 2)):
        at, kind = draw.randrange(len(text)), draw.randrange(6)
        if kind == 0:
            text = text[:at] + draw.choice(telling) + text[at + 1:]
        elif kind == 1:
            text = text[:at] + draw.choice(telling) + text[at:]
        elif kind == 2:
            text = text[:at] + text[at + draw.randint(1, 3):]
        else:
            lines = text.split("\n")
            row = draw.randrange(len(lines))
            if kind == 3:
                lines[row] = " " * draw.randint(0, 4) + lines[row].lstrip()
            elif kind == 4:
                lines.insert(draw.randrange(len(lines)), lines.pop(row))
            else:
                lines[row] += draw.choice([" #", " ", ",", ":", " ]"])
            text = "\n".join(lines)
    return text


if yaml is not None:

    class Loader(yaml.SafeLoader):
        """PyYAML, but that names stay texts where YAML 1.1 sees booleans and dates: 1.2 does not."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in rules if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


if __name__ == "__main__":
    support.main()
