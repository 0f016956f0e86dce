#include "base/file_kind.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOOKED_AT = 512 };

#define WITH_H5PY    "write it with h5py: h5py.File('net.h5', 'w')['W'] = ..."
#define UNPACK_FIRST "; unpack it first"

/* A beginning, and what it says; longer ones before those they begin with. */
static const struct {
    const char *bytes;
    size_t length;
    const char *kind;
} beginnings[] = {
    { "\x93NUMPY", 6, "it is a NumPy array (.npy); " WITH_H5PY },
    { "MATLAB 5.0 MAT-file", 19, "it is a MATLAB file of version 5 to 7; in MATLAB: save(..., '-v7.3')" },
    { "CDF\1", 4, "it is a classic netCDF file; nccopy -k nc4 IN OUT makes it HDF5" },
    { "CDF\2", 4, "it is a classic netCDF file (64-bit offsets); nccopy -k nc4 IN OUT makes it HDF5" },
    { "CDF\5", 4, "it is a classic netCDF file (64-bit data); nccopy -k nc4 IN OUT makes it HDF5" },
    { "\x0e\x03\x13\x01", 4, "it is an HDF4 file; h4toh5 makes it HDF5" },
    { "version https://git-lfs", 23, "it is a Git LFS pointer, not the file itself; git lfs pull fetches that" },
    { "version https://hawser", 22, "it is a Git LFS pointer, not the file itself; git lfs pull fetches that" },
    { "# Created by Octave", 19, "it is a text file of Octave; in Octave: save -hdf5" },
    { "Octave-1-", 9, "it is a binary file of Octave; in Octave: save -hdf5" },
    { "\x1f\x8b", 2, "it is compressed with gzip" UNPACK_FIRST },
    { "BZh", 3, "it is compressed with bzip2" UNPACK_FIRST },
    { "\xfd"
      "7zXZ",
      5, "it is compressed with xz" UNPACK_FIRST },
    { "\x28\xb5\x2f\xfd", 4, "it is compressed with zstd" UNPACK_FIRST },
    { "7z\xbc\xaf", 4, "it is a 7z archive" UNPACK_FIRST },
    { "GGUF", 4, "it is a GGUF file of a language model" },
    { "PAR1", 4, "it is a Parquet file; " WITH_H5PY },
    { "ARROW1", 6, "it is an Arrow file; " WITH_H5PY },
    { "<!DOCTYPE", 9, "it is a web page, not the file that was to be downloaded" },
    { "<!doctype", 9, "it is a web page, not the file that was to be downloaded" },
    { "<html", 5, "it is a web page, not the file that was to be downloaded" },
    { "%PDF", 4, "it is a PDF file" },
};

/* What an archive is by the name of its first member or of a later one that is near. */
static const char *describe_zip(const unsigned char *bytes, size_t length)
{
    static const struct {
        const char *part, *kind;
    } members[] = {
        { "data.pkl", "it is a PyTorch checkpoint; analysis/export_torch.py makes a network file of it" },
        { "/version", "it is a PyTorch checkpoint; analysis/export_torch.py makes a network file of it" },
        { ".format_version", "it is a PyTorch checkpoint; analysis/export_torch.py makes a network file of it" },
        { ".npy", "it is a NumPy archive (.npz); " WITH_H5PY },
        { "metadata.json", "it is a Keras file; write W = recurrent_kernel.T, w_in = kernel.T and b = bias with h5py" },
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const size_t part = strlen(members[i].part);
        for (size_t at = 30; at + part <= length; at++)
            if (memcmp(bytes + at, members[i].part, part) == 0)
                return members[i].kind;
    }
    return "it is a zip archive" UNPACK_FIRST;
}

/* A header's length in 8 bytes, little-endian, and the header in JSON. */
static bool is_safetensors(const unsigned char *bytes, size_t length)
{
    return length > 9 && bytes[8] == '{' && bytes[5] == 0 && bytes[6] == 0 && bytes[7] == 0 &&
           (bytes[9] == '"' || bytes[9] == '}' || isspace(bytes[9]));
}

static bool is_text(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] < 0x20 && !isspace(bytes[i]))
            return false;
    return length > 0;
}

static bool is_zeros(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return length == LOOKED_AT;
}

static const char *describe(const unsigned char *bytes, size_t length)
{
    static const char hdf5[] = "\x89HDF\r\n\x1a\n";
    if (length >= sizeof hdf5 - 1 && memcmp(bytes, hdf5, sizeof hdf5 - 1) == 0)
        return "";
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (length >= beginnings[i].length && memcmp(bytes, beginnings[i].bytes, beginnings[i].length) == 0)
            return beginnings[i].kind;
    if (length >= 4 && memcmp(bytes, "PK\3\4", 4) == 0)
        return describe_zip(bytes, length);
    if (is_safetensors(bytes, length))
        return "it is a safetensors file; analysis/export_torch.py makes a network file of it";
    if (length > 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
        return "it is a pickle, as PyTorch once wrote; analysis/export_torch.py makes a network file of a checkpoint";
    if (length >= 10 && memcmp(bytes, "MATLAB 7.3", 10) == 0)
        return "";
    if (is_zeros(bytes, length))
        return "it begins with zeros, as after a copy that was cut off";
    return is_text(bytes, length) ? "it is a text file" : "";
}

void file_kind_describe(const char *path, char *text, size_t size)
{
    unsigned char bytes[LOOKED_AT];
    FILE *stream = fopen(path, "rbe");
    text[0] = '\0';
    if (stream == NULL)
        return;
    const size_t length = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    snprintf(text, size, "%s", describe(bytes, length));
}

void file_kind_describe_folder(const char *path, char *text, size_t size)
{
    static const struct {
        const char *member, *kind;
    } members[] = {
        { ".zgroup", "it is a folder (a Zarr store); " WITH_H5PY },
        { ".zarray", "it is a folder (a Zarr store); " WITH_H5PY },
        { "zarr.json", "it is a folder (a Zarr store); " WITH_H5PY },
        { "saved_model.pb", "it is a folder (a SavedModel of TensorFlow); " WITH_H5PY },
        { "data.pkl", "it is a folder (an unpacked PyTorch checkpoint)" },
    };
    snprintf(text, size, "it is a folder");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        char member[4096];
        const int length = snprintf(member, sizeof member, "%s/%s", path, members[i].member);
        if (length > 0 && (size_t)length < sizeof member && access(member, F_OK) == 0) {
            snprintf(text, size, "%s", members[i].kind);
            return;
        }
    }
}
