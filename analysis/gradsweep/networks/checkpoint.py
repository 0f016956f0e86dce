"""Files with weights: PyTorch's of every age, TorchScript, safetensors; and what others look like. Needs no torch."""

from __future__ import annotations

import json
import os
import zipfile
from typing import Any

from .pickles import FormatError, Mapping, Storage, Tensor, load_pickle, load_stream, storage_dtype

SAFETENSORS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
KERAS = (
    "with h5py, from the layer SimpleRNN: W = recurrent_kernel.T, w_in = kernel.T, b = bias (Keras multiplies from the "
    "left)"
)
OTHER_KINDS = (
    (b"\x89HDF\r\n\x1a\n", f"an HDF5 file: a network file already, if it holds W; of a Keras model, write one {KERAS}"),
    (b"version https://git-lfs", "a Git LFS pointer, not the checkpoint itself; git lfs pull fetches that"),
    (b"\x93NUMPY", "a NumPy array (.npy); write W, w_in and b with h5py"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
    (b"MATLAB 5.0", "a MATLAB file; write W, w_in and b in MATLAB: save(..., '-v7.3') makes a network file"),
    (b"CDF", "a netCDF file"),
    (b"GGUF", "a GGUF file of a language model"),
    (b"<!DOCTYPE", "a web page, not the file that was to be downloaded"),
    (b"<!doctype", "a web page, not the file that was to be downloaded"),
    (b"<html", "a web page, not the file that was to be downloaded"),
)
FOLDERS = (
    (".metadata", "a distributed checkpoint; torch.distributed.checkpoint.format_utils.dcp_to_torch_save makes it a file"),
    ("saved_model.pb", f"a SavedModel of TensorFlow; write a network file {KERAS}"),
    ("model.safetensors", "give the file model.safetensors in it"),
    ("pytorch_model.bin", "give the file pytorch_model.bin in it"),
    ("data.pkl", "an unpacked checkpoint; zip it again, without compression"),
)


def load_checkpoint(path: str) -> Any:
    """What the file holds: Mappings, lists, tuples, numbers, texts, Tensors and Opaque records. Tensors are read when
    asked for. FormatError, without the path: another kind of file, which is named with the way out, or a damaged one.
    OSError: as open()."""
    if os.path.isdir(path):
        raise FormatError(_describe_folder(path))
    with open(path, "rb") as file:
        head = file.read(512)
        file.seek(0)
        if head.startswith(b"PK\x03\x04"):
            return _load_zip(path)
        if _is_safetensors(head):
            return _load_safetensors(path, file.read(8))
        if len(head) > 1 and head[0] == 0x80 and head[1] <= 5:
            return load_stream(file, lambda: open(path, "rb"))
    raise FormatError(_describe_other(head))


def _describe_folder(path: str) -> str:
    names = [text for name, text in FOLDERS if os.path.exists(os.path.join(path, name))]
    return f"it is a folder: {names[0]}" if names else "it is a folder, not a file"


def _describe_other(head: bytes) -> str:
    for beginning, text in OTHER_KINDS:
        if head.startswith(beginning):
            return f"it is {text}"
    if not head:
        return "it is empty"
    if not head.strip(b"\0"):
        return "it begins with zeros, as after a copy that was cut off"
    if b"\0" not in head and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        is_index = b'"weight_map"' in head
        return "it is the index of a checkpoint in several files; give one of these" if is_index else "it is a text file"
    return "it is no checkpoint: neither of torch.save nor safetensors"


def _load_zip(path: str) -> Any:
    """torch.save from 1.6 on, and TorchScript."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            folder = _folder_of_pickle(names)
            content = archive.read(folder + "data.pkl")
            order = archive.read(folder + "byteorder") if folder + "byteorder" in names else b"little"
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise FormatError(f"a damaged zip archive ({error}); was it copied whole?") from error

    def find_storage(identity: tuple) -> Storage:
        member = f"{folder}data/{identity[2]}"

        def read() -> bytes:
            try:
                with zipfile.ZipFile(path) as archive:
                    return archive.read(member)
            except (KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
                raise FormatError(f"cannot be read ({error})") from error

        return Storage(storage_dtype(identity), read, big_endian=order.strip() == b"big")

    return load_pickle(content, find_storage)


def _folder_of_pickle(names: list[str]) -> str:
    found = sorted((name for name in names if name == "data.pkl" or name.endswith("/data.pkl")), key=len)
    if found:
        return found[0].removesuffix("data.pkl")
    if any(name.endswith(".npy") for name in names):
        raise FormatError("it is a NumPy archive (.npz); write W, w_in and b with h5py")
    if "config.json" in names and "model.weights.h5" in names:
        raise FormatError(f"it is a Keras file; write a network file {KERAS}")
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    raise FormatError(f"it is a zip archive without a checkpoint (no data.pkl; it holds {shown or 'nothing'})")


def _is_safetensors(head: bytes) -> bool:
    """A header's length in eight bytes, then the header in JSON."""
    return len(head) > 9 and head[5:8] == b"\0\0\0" and head[8:9] == b"{" and head[9:10] in b'"} \n\t\r'


def _load_safetensors(path: str, length: bytes) -> Mapping:
    size, first = os.path.getsize(path), 8 + int.from_bytes(length, "little")
    if first > size:
        raise FormatError("a safetensors file that is cut off")
    with open(path, "rb") as file:
        file.seek(8)
        header = file.read(first - 8)
    try:
        entries = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
        return Mapping({name: _safe_tensor(path, first, size, **entry) for name, entry in entries.items()})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"a safetensors file with a damaged header ({error})") from error


def _safe_tensor(path: str, first: int, size: int, dtype: str, shape: list, data_offsets: list) -> Tensor:
    begin, end = (first + int(offset) for offset in data_offsets)
    stride = [1] * len(shape)
    for axis in range(len(shape) - 1, 0, -1):
        stride[axis - 1] = stride[axis] * shape[axis]

    def read() -> bytes:
        if not first <= begin <= end <= size:
            raise FormatError("is cut off")
        with open(path, "rb") as file:
            file.seek(begin)
            return file.read(end - begin)

    return Tensor(Storage(SAFETENSORS.get(dtype, dtype), read), 0, shape, stride)
