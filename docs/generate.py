#!/usr/bin/env python3
"""Makes what an installation has besides the manual, from the tables of the command itself:

    generate.py GRADSWEEP FOLDER

FOLDER/man1/gradsweep*.1 (manual pages), gradsweep.bash and _gradsweep (completion for bash and zsh), sweep-reference.md (all
that may stand in a sweep file). Needs the command and Python; commands of the analysis whose Python packages are missing get
the line that `gradsweep --help` has of them.
"""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

ANALYSIS = Path(__file__).resolve().parents[1] / "analysis"


STRENGTHS = "input_scale bias_scale"
IN_PROSE = {
    "run": {"--progress": "auto bar json none"},
    "refine": {"--axis": f"spectral_radius gamma {STRENGTHS}", "--quantity": "growth_rate lyapunov_exponent"},
    "plot": {"--axis": f"coupling spectral_radius gamma {STRENGTHS}", "--x": f"spectral_radius gamma kappa hidden_size {STRENGTHS}",
             "--y": f"spectral_radius gamma {STRENGTHS}", "--lines": f"hidden_size {STRENGTHS} activation"},
}  # fmt: skip


class Tables:
    """What the command says of itself."""

    def __init__(self, gradsweep):
        self.gradsweep = gradsweep
        self.version = self.ask("--version").split()[1]
        self.overview = self.ask("--help")
        self.commands = dict(re.findall(r"^  ([a-z]+) +(\S.*)$", self.overview, re.MULTILINE))
        self.commands.pop("gradsweep", None)
        analysis, self.figures = self.analysis()
        self.helps = {name: analysis.get(name) or self.ask(name, "--help", default=text) for name, text in self.commands.items()}
        self.keys = json.loads(self.ask("help", "sweep", "--json"))["keys"]
        self.templates = re.findall(r"^  (\w+)", self.ask("new"), re.MULTILINE)

    def ask(self, *words, default=None):
        ended = subprocess.run([self.gradsweep, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if ended.returncode != 0 and default is None:
            sys.exit(f"{self.gradsweep} {' '.join(words)}: {ended.stderr}")
        return ended.stdout if ended.returncode == 0 else default

    def analysis(self):
        """The help of the commands in Python, and the names of figures, in one process."""
        sys.path.insert(0, str(ANALYSIS))
        try:
            from gradsweep.commands.table import COMMANDS
            modules = {name: importlib.import_module(f"gradsweep.commands.{row.module}") for name, row in COMMANDS.items()}
        except ImportError:
            return {}, []
        return {name: module.parser().format_help() for name, module in modules.items()}, list(modules["plot"].FIGURES)

    def options(self, name):
        """Those that have a line of their own; the prose names those of other commands as well."""
        return sorted(set(re.findall(r"^ {2,6}(?:-[^-\s](?: [A-Z]\S*)?, +)?(--[a-z][a-z-]*)", self.helps[name], re.MULTILINE)))

    def values(self, name):
        """{option: its words}: those in braces of the help, and those that it has in prose."""
        found = {option: words.split(",") for option, words in re.findall(r"(--[a-z-]+) \{([\w,]+)\}", self.helps[name])}
        found.update({option: words.split() for option, words in IN_PROSE.get(name, {}).items()})
        return {option: words for option, words in found.items() if option in self.options(name)}


def quoted(text):
    """Text as troff shows it."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def manual_page(name, summary, synopsis, body, version, also):
    return (f'.TH {name.upper().replace("-", chr(92) + "-")} 1 "" "gradsweep {version}" "User Commands"\n'
            f".SH NAME\n{quoted(name)} \\- {quoted(summary)}\n.SH SYNOPSIS\n.nf\n{quoted(synopsis)}\n.fi\n"
            f".SH DESCRIPTION\n.nf\n{quoted(body)}\n.fi\n"
            ".SH EXIT STATUS\n0 complete; 1 failed; 2 wrong use or a mistake in the sweep file; 3 check found something wrong;\n"
            "75 stopped before the end, resumable.\n"
            f".SH SEE ALSO\n{', '.join(f'{quoted(other)}(1)' for other in also)}\n")


def write_manual(tables, folder):
    folder.mkdir(exist_ok=True)
    names = [f"gradsweep-{name}" for name in tables.commands]
    page = manual_page("gradsweep", "exploding and vanishing gradients of recurrent networks", "gradsweep COMMAND [OPTION...] FILE...",
                       tables.overview, tables.version, names)
    (folder / "gradsweep.1").write_text(page)
    for name, summary in tables.commands.items():
        text = tables.helps[name]
        usage = re.match(r"[Uu]sage: (.*?)\n\s*\n|[Uu]sage: (.*)\n", text, re.DOTALL)
        synopsis = next(filter(None, usage.groups())) if usage else f"gradsweep {name}"
        body = text[usage.end():] if usage else text
        page = manual_page(f"gradsweep-{name}", summary, synopsis, body, tables.version, ["gradsweep"])
        (folder / f"gradsweep-{name}.1").write_text(page)


BASH = """# Completion of gradsweep for bash.
_gradsweep()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words=
    if [ "$word" = = ]; then # of --OPTION=WORD, which bash takes apart
        word=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "COMMANDS --help --version" -- "$word"))
        return
    fi
    case $command:$before in
VALUES        *:--set)
            compopt -o nospace 2>/dev/null
            COMPREPLY=($(compgen -S = -W "KEYS" -- "$word"))
            return ;;
    esac
    if [ -n "$words" ]; then
        COMPREPLY=($(compgen -W "$words" -- "$word"))
        return
    fi
    case $command in
OPTIONS    esac
    case $command:$COMP_CWORD in
        plot:2) words="FIGURES" ;;
        new:2) words="TEMPLATES" ;;
        help:2) words=sweep ;;
        help:3) words="KEYS" ;;
    esac
    if [ "${word#-}" = "$word" ] && [ "${words#-}" != "$words" ]; then
        COMPREPLY=($(compgen -f -- "$word"))
    else
        COMPREPLY=($(compgen -W "$words" -- "$word"))
    fi
}
complete -o filenames -o bashdefault -F _gradsweep gradsweep
"""

ZSH = """#compdef gradsweep
# Completion of gradsweep for zsh.
local -a commands
commands=(
COMMANDS)
if (( CURRENT == 2 )); then
    _describe command commands
    return
fi
local before=$words[CURRENT-1]
if [[ $words[CURRENT] == --*=* ]]; then
    before=${words[CURRENT]%%=*}
    compset -P '*='
fi
case $words[2]:$before in
VALUES    *:--set) compadd -S = KEYS; return ;;
esac
case $words[2]:$CURRENT in
    plot:3) compadd FIGURES ;;
    new:3) compadd TEMPLATES ;;
    help:3) compadd sweep ;;
    help:4) compadd KEYS ;;
    *)
        case $words[2] in
OPTIONS        esac
        _files ;;
esac
"""


def write_completion(tables, folder):
    options = "".join(f'        {name}) words="{" ".join(tables.options(name))}" ;;\n' for name in tables.commands)
    names = {"FIGURES": " ".join(tables.figures), "TEMPLATES": " ".join(tables.templates),
             "KEYS": " ".join(key["path"] for key in tables.keys)}  # fmt: skip

    def filled(text, commands, options, values):
        for mark, value in {"COMMANDS": commands, "OPTIONS": options, "VALUES": values, **names}.items():
            text = text.replace(mark, value)
        return text

    given = [(name, option, " ".join(words)) for name in tables.commands for option, words in tables.values(name).items()]
    values = "".join(f'        {name}:{option}) words="{words}" ;;\n' for name, option, words in given)
    (folder / "gradsweep.bash").write_text(filled(BASH, " ".join(tables.commands), options, values))
    described = "".join(f"    '{name}:{text.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'\n" for name, text in tables.commands.items())
    options = "".join(f"            {name}) compadd -- {' '.join(tables.options(name))} ;;\n" for name in tables.commands if tables.options(name))
    values = "".join(f"    {name}:{option}) compadd {words}; return ;;\n" for name, option, words in given)
    (folder / "_gradsweep").write_text(filled(ZSH, described, options, values))


def write_reference(tables, folder):
    """A section a key, from `help sweep`: what people are told is made of the same tables."""
    pieces = [f"# What may stand in a sweep file\n\nOf gradsweep {tables.version}, as `gradsweep help sweep` tells it.\n"]
    text = tables.ask("help", "sweep")
    for entry in re.split(r"(?m)^(?=\S)", text)[1:]:
        head, _, rest = entry.partition("\n")
        path, _, meaning = head.partition(": ")
        pieces.append(f"## `{path}`\n\n{meaning[:1].upper()}{meaning[1:]}.\n\n{rest.rstrip()}\n")
    (folder / "sweep-reference.md").write_text("\n".join(pieces))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    tables, folder = Tables(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    write_manual(tables, folder / "man1")
    write_completion(tables, folder)
    write_reference(tables, folder)


if __name__ == "__main__":
    main()
