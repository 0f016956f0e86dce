/* The hold on a results file itself, and the names of files in the making. */
#include "store/hold.h"
#include "store/output.h"
#include "store/owner.h"
#include "store/publish.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64], path[96], other[96];

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_file(const char *name, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    assert_non_null(fgets(found, sizeof found, file));
    assert_string_equal(found, text);
    fclose(file);
}

static int make_file(void **state)
{
    (void)state;
    write_file(path, "ours");
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return 0;
}

static void a_file_has_one_hold_whatever_its_names(void **state)
{
    (void)state;
    struct hold first, second;
    assert_int_equal(hold_take(path, &first), STATUS_OK);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(hold_ask(other), LOCK_BUSY);
    assert_int_equal(hold_take(other, &second), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), "another run"));
    /* HDF5 and MPI-IO open and close the file as they like. */
    close(open(path, O_RDWR));
    assert_int_equal(hold_take(path, &second), STATUS_REFUSED);
    hold_release(&first);
    assert_int_equal(hold_take(other, &second), STATUS_OK);
    hold_release(&second);
}

static void writers_of_hdf5_are_kept_out_and_readers_are_not(void **state)
{
    (void)state;
    struct hold hold;
    const int descriptor = open(path, O_RDWR);
    assert_int_equal(hold_take(path, &hold), STATUS_OK);
    assert_int_equal(flock(descriptor, LOCK_SH | LOCK_NB), 0);
    assert_int_equal(flock(descriptor, LOCK_EX | LOCK_NB), -1);
    hold_release(&hold);
    assert_int_equal(flock(descriptor, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(hold_take(path, &hold), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), "another program"));
    assert_int_equal(hold_ask(path), LOCK_HELD); /* a refused hold leaves no lock */
    close(descriptor);
}

static void a_place_is_kept_or_what_became_of_it_is_told(void **state)
{
    (void)state;
    struct hold hold;
    assert_int_equal(hold_take(path, &hold), STATUS_OK);
    assert_int_equal(hold_require_place(&hold, path), STATUS_OK);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(hold_require_place(&hold, path), STATUS_IO);
    assert_non_null(strstr(status_message(), other));
    write_file(path, "theirs");
    assert_int_equal(hold_require_place(&hold, path), STATUS_IO);
    assert_non_null(strstr(status_message(), "replaced by another"));
    assert_true(hold_has_name(&hold));
    unlink(other);
    assert_false(hold_has_name(&hold));
    char kept[128];
    assert_int_equal(publish_copy(hold.exclusive, path, kept, sizeof kept), STATUS_OK);
    expect_file(kept, "ours");
    expect_file(path, "theirs");
    unlink(kept);
    hold_release(&hold);
}

static void publishing_replaces_what_was_agreed_on_alone(void **state)
{
    (void)state;
    const struct identity nothing = { 0 };
    struct identity agreed;
    bool is_taken;
    char kept[128];
    write_file(other, "new");
    assert_int_equal(publish_file(other, path, &nothing, &is_taken), STATUS_REFUSED);
    assert_true(is_taken);
    expect_file(path, "ours");
    assert_int_equal(hold_identify(path, &agreed), STATUS_OK);
    assert_int_equal(publish_file(other, path, &agreed, &is_taken), STATUS_OK);
    expect_file(path, "new");
    write_file(other, "newer");
    assert_int_equal(publish_file(other, path, &agreed, &is_taken), STATUS_REFUSED);
    assert_true(is_taken);
    expect_file(path, "new");
    assert_int_equal(publish_beside(other, path, kept, sizeof kept), STATUS_OK);
    expect_file(kept, "newer");
    unlink(kept);
    /* A link that leads to the agreed file is not that file. */
    write_file(other, "newest");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(hold_identify(path, &agreed), STATUS_OK);
    assert_int_equal(publish_file(other, path, &agreed, &is_taken), STATUS_REFUSED);
}

static void links_are_followed_to_what_need_not_exist(void **state)
{
    (void)state;
    char resolved[PATH_MAX], link_path[128], expected[160];
    snprintf(link_path, sizeof link_path, "%s/link", directory);
    assert_int_equal(output_resolve(path, resolved, sizeof resolved), STATUS_OK);
    assert_string_equal(resolved, path);
    assert_int_equal(symlink("nowhere.h5", link_path), 0);
    snprintf(expected, sizeof expected, "%s/nowhere.h5", directory);
    assert_int_equal(output_resolve(link_path, resolved, sizeof resolved), STATUS_OK);
    assert_string_equal(resolved, expected);
    unlink(link_path);
    assert_int_equal(symlink("link", link_path), 0);
    assert_int_equal(output_resolve(link_path, resolved, sizeof resolved), STATUS_REFUSED);
    unlink(link_path);
    char small[8];
    assert_int_equal(output_resolve(path, small, sizeof small), STATUS_REFUSED);
}

static void temporary_names_are_an_owner_s_own_and_fit(void **state)
{
    (void)state;
    const struct owner one = owner_this(), two = owner_this();
    char first[PATH_MAX], second[PATH_MAX], name[NAME_MAX + 1];
    assert_string_not_equal(one.token, two.token);
    assert_int_equal(output_temporary(path, &one, first, sizeof first), STATUS_OK);
    assert_int_equal(output_temporary(path, &two, second, sizeof second), STATUS_OK);
    assert_string_not_equal(first, second);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(output_temporary(name, &one, first, sizeof first), STATUS_OK);
    assert_true(strlen(first) <= NAME_MAX);
}

/* A file beside `path`, of its name and this ending. */
static void beside(const char *ending, char name[PATH_MAX])
{
    snprintf(name, PATH_MAX, "%s%s", path, ending);
}

static void expect_there(const char *ending, bool is_there)
{
    char name[PATH_MAX];
    beside(ending, name);
    if ((access(name, F_OK) == 0) != is_there)
        fail_msg("%s is %s", name, is_there ? "gone" : "still there");
    unlink(name);
}

static void what_runs_left_is_cleared_and_nothing_else(void **state)
{
    (void)state;
    const char large[] = "a companion is empty or has a number in it: whatever is larger than that is somebody's own";
    const char *const left[] = { ".tmp",        ".lock.0123456789abcdef",
                                 ".launch-a-1", ".locktest.12",
                                 ".data.12-3",  ".metadata.4",
                                 "-12-3.lock",  ".tmp.data.1" };
    const char *const others[] = { ".lock.0123456789abcde",
                                   ".lock.0123456789abcdef0",
                                   ".lock.0123456789abcdeg",
                                   ".lick.0123456789abcdef",
                                   ".launch-",
                                   ".launch-a.b",
                                   ".lunch-a-1",
                                   ".data.12x",
                                   ".data.",
                                   "-12-3.luck",
                                   "-.lock",
                                   ".tmpx" };
    const size_t left_count = sizeof left / sizeof *left, others_count = sizeof others / sizeof *others;
    const struct owner now = owner_this();
    char name[PATH_MAX];
    for (size_t i = 0; i < left_count; i++) {
        beside(left[i], name);
        write_file(name, "1");
    }
    for (size_t i = 0; i < others_count; i++) {
        beside(others[i], name);
        write_file(name, "1");
    }
    beside(".data.5", name);
    write_file(name, large);
    beside(".launch-b-2", name); /* processes meet there just now */
    write_file(name, "");
    const int meeting = open(name, O_RDWR);
    assert_int_equal(hold_try_lock(meeting, 0, 0), LOCK_HELD);
    output_clear(path, &now, NULL);
    close(meeting);
    expect_file(path, "ours");
    for (size_t i = 0; i < left_count; i++)
        expect_there(left[i], false);
    for (size_t i = 0; i < others_count; i++)
        expect_there(others[i], true);
    expect_there(".data.5", true);
    expect_there(".launch-b-2", true);
}

static void files_in_the_making_go_with_their_owner(void **state)
{
    (void)state;
    const struct owner now = owner_this(), ended = owner_this(), living = owner_this();
    struct owner far = owner_this(), dead = owner_this();
    struct hold hold;
    char names[4][PATH_MAX], companions[4][PATH_MAX + 8];
    const struct owner *const owners[] = { &ended, &living, &far, &dead };
    strcpy(far.host, "elsewhere");
    strcpy(dead.host, "elsewhere");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(output_temporary(path, owners[i], names[i], sizeof names[i]), STATUS_OK);
        snprintf(companions[i], sizeof companions[i], "%s.data.1", names[i]);
        write_file(names[i], "in the making");
        write_file(companions[i], "1");
    }
    assert_int_equal(hold_take(names[1], &hold), STATUS_OK);
    output_clear(path, &now, &dead);
    hold_release(&hold);
    for (int i = 0; i < 4; i++) { /* that of an owner who lives, or may live, stays, with its companion */
        const int expected = i == 1 || i == 2 ? 0 : -1;
        assert_int_equal(access(names[i], F_OK), expected);
        assert_int_equal(access(companions[i], F_OK), expected);
        unlink(names[i]);
        unlink(companions[i]);
    }
}

int main(void)
{
    strcpy(directory, "/tmp/gradsweep-hold-XXXXXX");
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof path, "%s/out.h5", directory);
    snprintf(other, sizeof other, "%s/other.h5", directory);
#define file_test(name) cmocka_unit_test_setup_teardown(name, make_file, remove_files)
    const struct CMUnitTest tests[] = {
        file_test(a_file_has_one_hold_whatever_its_names),
        file_test(writers_of_hdf5_are_kept_out_and_readers_are_not),
        file_test(a_place_is_kept_or_what_became_of_it_is_told),
        file_test(publishing_replaces_what_was_agreed_on_alone),
        file_test(links_are_followed_to_what_need_not_exist),
        cmocka_unit_test(temporary_names_are_an_owner_s_own_and_fit),
        file_test(what_runs_left_is_cleared_and_nothing_else),
        file_test(files_in_the_making_go_with_their_owner),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failures;
}
