#include "h5/filters.h"

#include "h5/scope.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 64, LIST_SIZE = 512 };

/* As registered with The HDF Group; files need not give a name. */
static const struct {
    H5Z_filter_t number;
    const char *name;
} known[] = {
    { H5Z_FILTER_DEFLATE, "deflate (gzip)" },
    { H5Z_FILTER_SHUFFLE, "shuffle" },
    { H5Z_FILTER_FLETCHER32, "fletcher32" },
    { H5Z_FILTER_SZIP, "szip" },
    { H5Z_FILTER_NBIT, "nbit" },
    { H5Z_FILTER_SCALEOFFSET, "scaleoffset" },
    { 305, "lzo" },
    { 307, "bzip2" },
    { 32000, "lzf" },
    { 32001, "blosc" },
    { 32004, "lz4" },
    { 32008, "bitshuffle" },
    { 32013, "zfp" },
    { 32015, "zstd" },
    { 32017, "sz" },
    { 32026, "blosc2" },
};

static const char *known_name(H5Z_filter_t number)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].number == number)
            return known[i].name;
    return NULL;
}

/* By its registered name, else by that in the file, as far as it can be printed. */
static void describe(H5Z_filter_t number, const char *in_file, char *list)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s", known_name(number) ? known_name(number) : in_file);
    for (char *letter = name; *letter != '\0'; letter++)
        if (!isprint((unsigned char)*letter))
            *letter = '?';
    const size_t length = strlen(list);
    snprintf(list + length, LIST_SIZE - length, "%s%s%s(filter %d)", length > 0 ? ", " : "", name,
             name[0] != '\0' ? " " : "", number);
}

static void list_missing(hid_t properties, char list[LIST_SIZE])
{
    const int filters = H5Pget_nfilters(properties);
    for (int i = 0; i < filters; i++) {
        char name[NAME_SIZE] = "";
        unsigned flags, config = 0;
        size_t values = 0;
        const H5Z_filter_t number =
            H5Pget_filter2(properties, (unsigned)i, &flags, &values, NULL, sizeof name, name, &config);
        if (number < 0)
            continue;
        name[sizeof name - 1] = '\0';
        unsigned can = 0;
        const bool is_there = H5Zfilter_avail(number) > 0 && H5Zget_filter_info(number, &can) >= 0 &&
                              (can & H5Z_FILTER_CONFIG_DECODE_ENABLED) != 0;
        if (!is_there)
            describe(number, name, list);
    }
}

enum status h5_filters_require(hid_t dataset)
{
    char list[LIST_SIZE] = "";
    SCOPED_ID properties = H5Dget_create_plist(dataset);
    if (properties >= 0)
        list_missing(properties, list);
    H5Eclear2(H5E_DEFAULT);
    if (list[0] == '\0')
        return STATUS_OK;
    return status_fail(STATUS_FOREIGN_FILE,
                       "it is compressed with %s, which this HDF5 library does not have; save it without compression "
                       "or with gzip, where it was made, or there by h5repack -f NONE IN OUT",
                       list);
}
