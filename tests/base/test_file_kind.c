/* What files are taken for by their first bytes, and what by nothing but one of them. */
#include "base/file_kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[96];

static void expect(const char *bytes, size_t length, const char *word)
{
    char text[256];
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    file_kind_describe(path, text, sizeof text);
    if (word[0] ? strstr(text, word) == NULL : text[0] != '\0')
        fail_msg("%zu bytes, the first %#x: \"%s\" instead of \"%s\"", length, (unsigned char)bytes[0], text, word);
}
#define EXPECT(bytes, word) expect(bytes, sizeof bytes - 1, word)

static void files_are_known_by_their_beginning(void **state)
{
    (void)state;
    static const char zeros[600] = "";
    EXPECT("\x89HDF\r\n\x1a\n", "");
    EXPECT("\x89HDF\r\n\x1a\n and more", "");
    EXPECT("\x93NUMPY\x01\0v\0", "NumPy array");
    EXPECT("\x93NUMP", "a text file");
    EXPECT("MATLAB 5.0 MAT-file, Platform", "version 5 to 7");
    EXPECT("MATLAB 7.3 MAT-file, Platform", "");
    EXPECT("CDF\1\0\0", "classic netCDF file;");
    EXPECT("CDF\2\0\0", "64-bit offsets");
    EXPECT("\x1f\x8b\x08\0", "gzip");
    EXPECT("W = 1, 2, 3\n", "a text file");
    EXPECT("W = 1, 2, 3\n\x01", "");
    expect("", 0, "");
    expect(zeros, 512, "begins with zeros");
    expect(zeros, 511, "");
}

static void pickles_and_their_like(void **state)
{
    (void)state;
    EXPECT("\x80\x02}q", "a pickle");
    EXPECT("\x80\x05\x95", "a pickle");
    EXPECT("\x80\x01}q", "");
    EXPECT("\x80\x06}q", "");
    EXPECT("\x81\x03}q", "");
    EXPECT("\x80\x03", "");
    EXPECT("\x20\0\0\0\0\0\0\0{\"a\"", "safetensors");
    EXPECT("\x20\0\0\0\0\0\0\0{}", "safetensors");
    EXPECT("\x20\0\0\0\0\0\0\0[\"a\"", "");
    EXPECT("\x20\0\0\0\0\1\0\0{\"a\"", "");
}

/* A member's name stands behind the 30 bytes of its header. */
static void archives_are_known_by_a_member(void **state)
{
    (void)state;
#define HEADER "PK\3\4..........................."
    EXPECT(HEADER "archive/data.pkl", "PyTorch checkpoint");
    EXPECT(HEADER "/version", "PyTorch checkpoint");
    EXPECT(HEADER "arr_0.npy", "NumPy archive");
    EXPECT(HEADER "metadata.json", "Keras");
    EXPECT(HEADER "letter.txt", "a zip archive");
    EXPECT("PK\3\5"
           "...........................data.pkl",
           "");
}

static void folders_are_known_by_a_member(void **state)
{
    (void)state;
    char text[256], member[128];
    file_kind_describe_folder(folder, text, sizeof text);
    assert_string_equal(text, "it is a folder");
    snprintf(member, sizeof member, "%s/zarr.json", folder);
    fclose(fopen(member, "w"));
    file_kind_describe_folder(folder, text, sizeof text);
    assert_non_null(strstr(text, "Zarr"));
    unlink(member);
}

int main(void)
{
    strcpy(folder, "/tmp/gradsweep-kind-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/file", folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_known_by_their_beginning),
        cmocka_unit_test(pickles_and_their_like),
        cmocka_unit_test(archives_are_known_by_a_member),
        cmocka_unit_test(folders_are_known_by_a_member),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(folder);
    return failures;
}
