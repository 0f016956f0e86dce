/* What the tests of sweep files share: a text becomes a file, and what reading it prints is caught. */
#ifndef GRADSWEEP_TESTS_SWEEP_TESTING_H
#define GRADSWEEP_TESTS_SWEEP_TESTING_H

#include "sweep/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PRINTED_SIZE = 1 << 16 };

/* The smallest sweep, for tests to add to. */
#define SMALLEST_GRID "grid: {hidden_size: 4, spectral_radius: 1, gamma: 1, lag: 1}\n"

static inline void write_file(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* Runs sweep_open on a file "sweep.yaml" of a fresh directory (the present one meanwhile, so that messages name the
 * file alone), with stderr caught in printed[PRINTED_SIZE]. */
static inline enum status open_text(const char *text, size_t length, size_t override_count,
                                    const char *const *overrides, bool diagnostics, char *printed, struct sweep **sweep)
{
    char directory[] = "/tmp/gradsweep-test-XXXXXX";
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    write_file("sweep.yaml", text, length);

    FILE *caught = tmpfile();
    assert_non_null(caught);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(caught), STDERR_FILENO);
    enum status status = sweep_open("sweep.yaml", override_count, overrides, diagnostics, sweep);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(caught);
    printed[fread(printed, 1, PRINTED_SIZE - 1, caught)] = '\0';
    fclose(caught);

    unlink("sweep.yaml");
    assert_int_equal(chdir(before), 0);
    rmdir(directory);
    free(before);
    return status;
}

/* A sweep that must be good. */
static inline struct sweep *open_good(const char *text, size_t override_count, const char *const *overrides)
{
    static char printed[PRINTED_SIZE];
    struct sweep *sweep = NULL;
    enum status status = open_text(text, strlen(text), override_count, overrides, true, printed, &sweep);
    if (status != STATUS_OK)
        print_error("%s%s\n", printed, status_message());
    assert_int_equal(status, STATUS_OK);
    assert_string_equal(printed, "");
    return sweep;
}

#endif
