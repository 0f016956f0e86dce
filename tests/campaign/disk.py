"""What a disk may hold after a power loss: plays what faults/write_recorder.c recorded, up to a point.

The model is that of POSIX, read as an adversary would; Linux file systems on local disks, NFS and disks that lie less than that
all stay within it.

- What a file held when its last fsync (or fdatasync) that had returned before the loss was called is there: data and size.
- Of the writes since then each was cut into pieces, at multiples of 4096 bytes (pages) or 512 (sectors of a disk). Any of them
  have arrived, the others have not, and where two overlap either came last. Or, as page caches do it, each page (or sector)
  holds what it held after one of the writes to it.
- The size is one of those that the file has had since; what lies behind it is gone, and what was never written is zero (ordered
  data: no blocks of other files).
- Of the changes of names in a directory (create, link, symlink, rename, unlink) those before its last fsync are there, and of
  the later ones a first part, in their order; each is there or not, as a whole. A file's own fsync says nothing of its name. A
  rename between directories belongs to the one that it leads to.
- Contents and names know nothing of each other: a file may have its new name and none of its data."""

import os
import struct
from pathlib import Path

HEAD = struct.Struct("<IiQQQII")
PAGE, SECTOR = 4096, 512
CREATE, WRITE, TRUNCATE, ALLOCATE, RENAME, LINK, SYMLINK, UNLINK, MKDIR, SYNC_BEGIN, SYNC_END = "CWTARLSUMBE"
CONTENTS = (WRITE, TRUNCATE, ALLOCATE)
NAMES = (CREATE, RENAME, LINK, SYMLINK, UNLINK, MKDIR)


class Record:
    """One change (write_recorder.c says what it uses of this)."""

    def __init__(self, kind, file, place, name, second, data):
        self.kind, self.file, self.place, self.name, self.second, self.data = kind, file, place, name, second, data


def read_log(path):
    """All records, in order."""
    log, at, records = Path(path).read_bytes(), 0, []
    while at < len(log):
        kind, _, file, place, length, name, second = HEAD.unpack_from(log, at)
        at += HEAD.size
        names = [log[at:at + name].decode(), log[at + name:at + name + second].decode()]
        at += name + second
        records.append(Record(chr(kind), file, place, *names, log[at:at + length]))
        at += length
    return records


def apply(content, record):
    """A change of a bytearray that holds a file."""
    if record.kind == WRITE:
        end = record.place + len(record.data)
        content.extend(bytes(max(end - len(content), 0)))
        content[record.place:end] = record.data
    elif record.kind == ALLOCATE:
        content.extend(bytes(max(record.place - len(content), 0)))
    else:
        content.extend(bytes(max(record.place - len(content), 0)))
        del content[record.place:]


class File:
    """A regular file, a symbolic link (`target`), or a directory (`is_directory`)."""

    def __init__(self, content=b"", target=None, is_directory=False):
        self.before = bytes(content)
        self.target, self.is_directory = target, is_directory
        self.changes = []  # (number of the record, record)
        self.synced = 0  # records with a smaller number have arrived

    def content(self, number):
        """After all changes before this number."""
        content = bytearray(self.before)
        for at, record in self.changes:
            if at < number:
                apply(content, record)
        return content


def pieces_of(record, unit):
    """(place, bytes) of a write, cut at the multiples of a unit."""
    place, end = record.place, record.place + len(record.data)
    while place < end:
        stop = min(end, (place // unit + 1) * unit)
        yield place, record.data[place - record.place:stop - record.place]
        place = stop


class Loss:
    """How much of what was not synced is lost, and in what way; drawn once for a power loss."""

    def __init__(self, chance):
        self.chance = chance
        self.unit = chance.choice([PAGE, SECTOR])
        self.by_versions = chance.random() < 0.5
        self.arrives = chance.choice([0, 0.05, 0.5, 0.95, 1])

    def __str__(self):
        how = "versions" if self.by_versions else "pieces in any order"
        return f"{self.arrives:.0%} of the {how} of {self.unit} bytes"

    def number_kept(self, count):
        """Of a row of changes of which a first part is kept."""
        return sum(1 for _ in range(count) if self.chance.random() < self.arrives) if self.arrives < 1 else count

    def content(self, file):
        """One of the contents that a file may have."""
        content = file.content(file.synced)
        pending = [record for at, record in file.changes if at >= file.synced]
        size, sizes = len(content), [len(content)]
        for record in pending:
            grown = record.place + len(record.data)
            size = record.place if record.kind == TRUNCATE else max(size, grown)
            sizes.append(size)
        pieces = [piece for record in pending if record.kind == WRITE for piece in pieces_of(record, self.unit)]
        if self.by_versions:
            pieces = self.versions(content, pieces)
        else:
            pieces = [piece for piece in pieces if self.chance.random() < self.arrives]
            self.chance.shuffle(pieces)
        content.extend(bytes(max(sizes) - len(content)))
        for place, data in pieces:
            content[place:place + len(data)] = data
        del content[sizes[self.number_kept(len(pending))]:]
        return bytes(content)

    def versions(self, content, pieces):
        """For each unit of the disk a first part of its pieces, in their order."""
        by_unit = {}
        for piece in pieces:
            by_unit.setdefault(piece[0] // self.unit, []).append(piece)
        return [piece for row in by_unit.values() for piece in row[:self.number_kept(len(row))]]


class Disk:
    """A folder, from its files before the recording on."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.names = {}  # path -> File, before any record
        self.numbers = {}  # inode -> File, likewise
        for path in sorted(Path(folder).iterdir()):
            file = File(target=os.readlink(path)) if path.is_symlink() else File(path.read_bytes())
            self.names[str(path)] = self.numbers.setdefault(path.lstat().st_ino, file)

    def play(self, records):
        """(files by inode as they are last used, changes of names by directory, syncs of directories) after these."""
        for file in self.numbers.values():
            file.changes, file.synced = [], 0
        files, changes, synced, begun = dict(self.numbers), [], {}, {}
        for number, record in enumerate(records):
            if record.kind in (CREATE, SYMLINK, MKDIR):  # an inode may have been another file's before
                files[record.file] = File(target=record.second if record.kind == SYMLINK else None,
                                          is_directory=record.kind == MKDIR)
            if record.kind in CONTENTS:
                files.setdefault(record.file, File()).changes.append((number, record))
            if record.kind in NAMES and record.name:
                changes.append((number, record, files.get(record.file)))
            if record.kind == SYNC_BEGIN:
                begun[record.place] = (number, record.name, files.setdefault(record.file, File()))
            if record.kind == SYNC_END:
                since, directory, file = begun.pop(record.place)
                if directory:
                    synced[directory] = max(synced.get(directory, 0), since)
                else:
                    file.synced = max(file.synced, since)
        return changes, synced

    def tree(self, changes):
        """path -> File after changes of names."""
        names = dict(self.names)
        for _, record, file in changes:
            if record.kind == UNLINK:
                names.pop(record.name, None)
            elif record.kind != RENAME:
                names.setdefault(record.name, file)
            elif record.name in names:
                names[record.second] = names.pop(record.name)
        return names

    def all_of(self, records):
        """path -> content, nothing lost."""
        changes, _ = self.play(records)
        return {name: file.target or bytes(file.content(len(records)))
                for name, file in self.tree(changes).items() if not file.is_directory}

    def lose(self, records, loss=None):
        """path -> content after a power loss behind these records; without a loss: what was synced, and no more."""
        changes, synced = self.play(records)
        kept = []
        for directory in {os.path.dirname(record.second if record.kind == RENAME else record.name)
                          for _, record, _ in changes}:
            own = [change for change in changes if os.path.dirname(
                change[1].second if change[1].kind == RENAME else change[1].name) == directory]
            certain = sum(1 for change in own if change[0] < synced.get(directory, 0))
            kept += own[:certain + (loss.number_kept(len(own) - certain) if loss else 0)]
        kept.sort(key=lambda change: change[0])
        return {name: file.target or (loss.content(file) if loss else bytes(file.content(file.synced)))
                for name, file in self.tree(kept).items() if not file.is_directory}


def write_tree(tree, folder, into):
    """Writes a tree of `folder` into another, empty one."""
    for path, content in tree.items():
        place = Path(into) / os.path.relpath(path, folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            os.symlink(content, place)
        else:
            place.write_bytes(content)


def tree_of(folder):
    """path -> content of what lies in a folder now."""
    return {str(path): os.readlink(path) if path.is_symlink() else path.read_bytes()
            for path in sorted(Path(folder).rglob("*")) if path.is_symlink() or not path.is_dir()}


def choose_point(records, chance):
    """A number of records before the loss: while a file is made, beside its publication, after it, or beside a sync."""
    count = len(records)
    published = next((number for number, record in enumerate(records) if record.kind in (RENAME, LINK)), count)
    syncs = [number for number, record in enumerate(records) if number > published and record.kind in (SYNC_BEGIN, SYNC_END)]
    ways = [lambda: chance.randint(0, published), lambda: published + chance.randint(-2, 12),
            lambda: chance.randint(published, count), lambda: chance.randint(published, count),
            lambda: chance.choice(syncs or [count]) + chance.randint(-3, 3)]
    return min(max(chance.choice(ways)(), 0), count)
