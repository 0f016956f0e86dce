"""Reading what torch.save wrote without torch, and without running anything of it.

A pickle is a program that may call any function it names. Here it may name what it likes: tensors, storages and plain
containers become objects of this module, and whatever else becomes an `Opaque` record of its name, its arguments and its
state. No name is ever looked up, so nothing of the file's choosing is imported or called.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

# torch's name of a type -> how its numbers lie in a file (little-endian); None: known, but no numbers that NumPy has.
DTYPES = {
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "u2", "int64": "i8", "int32": "i4", "int16": "i2",
    "int8": "i1", "uint8": "u1", "bool": "u1", "complex64": "c8", "complex128": "c16",
}  # fmt: skip
STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}  # fmt: skip
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
MOST_ELEMENTS = 1 << 31


class FormatError(Exception):
    """What is wrong with the contents of a file; without its name."""


class Storage:
    """Numbers of one type in a row. `read` gives their bytes; `dtype` is torch's name, "" where the tensor says it."""

    def __init__(self, dtype: str, read: Callable[[], bytes], first: int = 0, big_endian: bool = False) -> None:
        self.dtype = dtype
        self.read = read
        self.first = first
        self.big_endian = big_endian


class Tensor:
    """A view into a storage: element [i, j, ...] lies at offset + i stride[0] + j stride[1] + ..."""

    def __init__(self, storage: object, offset: int, size: Any, stride: Any, dtype: str = "") -> None:
        numbers = (offset, *size, *stride)
        if not isinstance(storage, Storage) or len(size) != len(stride) or any(
            not isinstance(number, int) or number < 0 for number in numbers
        ):
            raise FormatError("a tensor in it has no sound shape")
        self.storage, self.offset, self.shape, self.stride = storage, offset, tuple(size), tuple(stride)
        self.dtype = dtype or storage.dtype

    def array(self) -> np.ndarray:
        """A copy, in the tensor's own type (bfloat16: single precision, which holds its values exactly)."""
        if self.dtype not in DTYPES:
            raise FormatError(f"holds {self.dtype or 'values of an unknown type'}, not real numbers")
        order = ">" if self.storage.big_endian else "<"
        kind = np.dtype(DTYPES[self.dtype]).newbyteorder(order)
        if math.prod(self.shape) > MOST_ELEMENTS:
            raise FormatError(f"has {math.prod(self.shape)} elements")
        content = self.storage.read()
        numbers = np.frombuffer(content, kind, len(content) // kind.itemsize)
        first = self.storage.first + self.offset
        last = first + sum((size - 1) * step for size, step in zip(self.shape, self.stride))
        if math.prod(self.shape) > 0 and last >= len(numbers):
            raise FormatError(f"is cut off: element {last} of {len(numbers)} is wanted")
        if math.prod(self.shape) == 0:
            return np.zeros(self.shape, np.float64)
        steps = [step * kind.itemsize for step in self.stride]
        found = np.lib.stride_tricks.as_strided(numbers[first:], self.shape, steps, writeable=False)
        if self.dtype == "bfloat16":
            return (found.astype(np.uint32) << 16).view(np.float32)
        return found.astype(kind.newbyteorder("="))


class Mapping(dict):
    """A dictionary; what torch hangs on those of parameters (_metadata) is left out. With its __setstate__, like that of
    Opaque, no pickle sets attributes of the class or of an object."""

    def __setstate__(self, state: object) -> None:
        pass


class Opaque:
    """Anything else: an object that is known by its class's name only."""

    kind = ""

    def __new__(cls, *arguments: Any, **_: Any) -> "Opaque":
        made = object.__new__(cls)
        made.arguments, made.state, made.entries = arguments, None, []
        return made

    def __init__(self, *arguments: Any, **_: Any) -> None:
        pass

    def __call__(self, *arguments: Any) -> "Opaque":
        return Opaque(self, *arguments)

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        self.entries.append((key, value))

    def append(self, value: object) -> None:
        self.entries.append((len(self.entries), value))

    add = append

    def extend(self, values: Any) -> None:
        for value in values:
            self.append(value)


class _Function:
    """A function that a pickle can call, and not change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __setattr__(self, name: str, value: object) -> None:
        raise FormatError("its pickle changes a function")

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


def _opaque_class(module: str, name: str) -> type:
    return type(name, (Opaque,), {"kind": f"{module}.{name}"})


def _name_of(kind: object) -> str:
    """The last part of a class's name, such as FloatStorage or float32."""
    return kind.kind.rpartition(".")[2] if isinstance(kind, type) and issubclass(kind, Opaque) else ""


def _tuple(values: Any = ()) -> tuple:
    return tuple(values) if isinstance(values, (list, tuple)) else ()


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    return Tensor(storage, offset, _tuple(size), _tuple(stride))


def _tensor_of_dtype(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor:
    """torch._utils._rebuild_tensor_v3: the type is the fourth of what else there is."""
    dtypes = [_name_of(value) for value in rest if _name_of(value) in DTYPES]
    return Tensor(storage, offset, _tuple(size), _tuple(stride), dtypes[0] if dtypes else "unknown values")


def _tensor_of_type(function: Any, _: Any, arguments: Any, *__: Any) -> Any:
    """torch._tensor._rebuild_from_type_v2: a tensor of a class of its own."""
    return function(*_tuple(arguments)) if isinstance(function, _Function) else Opaque(function, arguments)


def _object(kind: Any = None, *_: Any) -> Any:
    """copyreg._reconstructor, which older protocols use."""
    return kind() if isinstance(kind, type) and issubclass(kind, Opaque) else Opaque(kind)


def _storage_of_bytes(content: Any) -> Any:
    """A storage in a plain pickle: a whole file of the old kind, in its place."""
    return load_stream(io.BytesIO(content), lambda: io.BytesIO(content))


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): Mapping,
    ("torch", "Size"): _Function(_tuple),
    ("torch._utils", "_rebuild_tensor"): _Function(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_tensor),
    ("torch._utils", "_rebuild_tensor_v3"): _Function(_tensor_of_dtype),
    ("torch._utils", "_rebuild_parameter"): _Function(lambda data, *_: data),
    ("torch._utils", "_rebuild_parameter_with_state"): _Function(lambda data, *_: data),
    ("torch._tensor", "_rebuild_from_type_v2"): _Function(_tensor_of_type),
    ("torch.storage", "_load_from_bytes"): _Function(_storage_of_bytes),
    **{(module, name): _Function(_tuple) for module in ("builtins", "__builtin__") for name in ("set", "frozenset")},
    **{(module, "_reconstructor"): _Function(_object) for module in ("copyreg", "copy_reg")},
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: BinaryIO, find_storage: Callable[[tuple], Storage]) -> None:
        super().__init__(stream, encoding="latin-1")
        self._find_storage = find_storage

    def find_class(self, module: str, name: str) -> Any:
        return _KNOWN.get((module, name)) or _opaque_class(module, name)

    def persistent_load(self, identity: Any) -> Any:
        if isinstance(identity, tuple) and len(identity) > 1 and identity[0] == "module":
            return identity[1]  # a class, beside its source text
        if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
            raise FormatError("it refers to something outside")
        return self._find_storage(identity)


def _load(stream: BinaryIO, find_storage: Callable[[tuple], Storage]) -> Any:
    try:
        return _Unpickler(stream, find_storage).load()
    except FormatError:
        raise
    except Exception as error:  # whatever wrong bytes lead to; none of it has run
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise FormatError(f"its pickle is damaged ({first_line})") from error


def _refuse_storage(_: tuple) -> Storage:
    raise FormatError("it refers to something outside")


def storage_dtype(identity: tuple) -> str:
    """Of ("storage", class, key, location, elements)."""
    return STORAGES.get(_name_of(identity[1]), "")


def load_pickle(content: bytes, find_storage: Callable[[tuple], Storage]) -> Any:
    return _load(io.BytesIO(content), find_storage)


def load_stream(stream: BinaryIO, reopen: Callable[[], BinaryIO]) -> Any:
    """A file of torch.save before 1.6 (pickles one behind the other, then the storages), or a plain pickle. `stream` is
    at its beginning; `reopen` gives the same again."""
    first = _load(stream, _refuse_storage)
    if first != LEGACY_MAGIC:
        return first
    _load(stream, _refuse_storage)  # protocol
    system = _load(stream, _refuse_storage)
    big_endian = isinstance(system, dict) and system.get("little_endian") is False
    places: dict[str, tuple[int, int]] = {}
    dtypes: dict[str, str] = {}

    def find_storage(identity: tuple) -> Storage:
        key, view = str(identity[2]), identity[5] if len(identity) > 5 else None
        dtypes[key] = storage_dtype(identity)

        def read() -> bytes:
            if key not in places:
                raise FormatError("is not in the file")
            with reopen() as again:
                again.seek(places[key][0])
                return again.read(places[key][1])

        first_element = view[1] if isinstance(view, tuple) and isinstance(view[1], int) and view[1] >= 0 else 0
        return Storage(dtypes[key], read, first_element, big_endian)

    found = _load(stream, find_storage)
    for key in _load(stream, _refuse_storage):
        elements = int.from_bytes(stream.read(8), "big" if big_endian else "little", signed=True)
        if str(key) not in dtypes or dtypes[str(key)] not in DTYPES or elements < 0:
            break
        length = elements * np.dtype(DTYPES[dtypes[str(key)]]).itemsize
        places[str(key)] = (stream.tell(), length)
        stream.seek(length, io.SEEK_CUR)
    return found
