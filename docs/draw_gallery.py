"""Draws the pictures of gallery.md by the commands that stand under them, and that of the README: draw_gallery.py PATH_OF_gradsweep
FOLDER [NAME...], where the results of the sweeps named in the gallery lie. Pictures become small: as wide as a page, with a palette of
colours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).resolve().parent
LINE = re.compile(r"^    gradsweep (plot .*) -o (\S+)$", re.MULTILINE)
WIDTH, COLOURS = 760, 256
OF_README = ("plot phase quickstart.h5 --select tanh", "phase-tanh.png", DOCS, 2 * WIDTH)  # the only one there is: in twice the points


def shrink(source: Path, target: Path, width: int) -> None:
    with Image.open(source) as image:
        image = image.convert("RGB")
        if image.width > width:
            image = image.resize((width, round(image.height * width / image.width)), Image.LANCZOS)
        image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(target, optimize=True)


def main(gradsweep: str, folder: str, *names: str) -> None:
    gallery = [(*found, DOCS / "figures", WIDTH) for found in LINE.findall((DOCS / "gallery.md").read_text())]
    for words, name, where, width in [*gallery, OF_README]:
        if names and Path(name).stem not in names:
            continue
        subprocess.run([os.path.abspath(gradsweep), *words.split(), "-o", name], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        target = where / name
        target.parent.mkdir(exist_ok=True)
        shrink(Path(folder) / name, target, width)
        print(target.name, target.stat().st_size)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
