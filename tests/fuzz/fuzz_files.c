/* Damaged results and network files, each read by a process of its own, since HDF5 itself may not survive it:
 *   fuzz_files replay RECIPE...    recipes that are kept (recipe.h)
 *   fuzz_files fresh COUNT SEED    so many drawn ones; the same for the same seed
 *   fuzz_files draw SEED NUMBER    prints the recipe that `fresh` draws there
 *   fuzz_files make RECIPE OUT.h5  makes the file of a recipe
 * What goes wrong in HDF5 (the innermost frame that is either's is HDF5's) and what goes wrong in this program are told
 * apart; their recipes and reports are left in the present folder. Exit code 1 for the latter alone.
 *
 * HDF5 1.10 does not survive all files whose structures are damaged while their checksums are right, as no accident
 * makes them: it trusts addresses and sizes in B-trees, heaps and chunk indices (H5F__accum_read, H5FA_get). The
 * smallest such recipe: "base latest", "set 253 ef", "seal". */
#include "base_files.h"
#include "files_target.h"

#include <execinfo.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* On a busy machine little of the time that passes is the process's own; on a pipe none is. */
enum { OWN_SECONDS_A_FILE = 5, SECONDS_A_FILE = 60, MOST_REPORTED = 20, REPORT_BYTES = 1 << 16 };
enum { EXIT_GOOD = 0, EXIT_REFUSED = 10, EXIT_NO_RECIPE, EXIT_LEAK };

/* Found where the program is built with the leak sanitizer. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

struct tally {
    unsigned long good, refused, ours, of_hdf5, not_made;
};

static char folder[64] = "/dev/shm/gradsweep-fuzz-XXXXXX", started_in[PATH_MAX];
static struct base_file bases[BASE_COUNT];

/* ---- the folder ---- */

static void in_folder(char path[PATH_MAX], const char *name)
{
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
}

static void clean_up(void)
{
    static const char *const names[] = { "results.h5",      "network.h5", "latest.h5", "damaged.h5",
                                         "damaged.h5.yaml", "pipe",       "report" };
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        in_folder(path, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static bool prepare(void)
{
    char path[PATH_MAX];
    if (mkdtemp(folder) == NULL) {
        strcpy(folder, "/tmp/gradsweep-fuzz-XXXXXX");
        if (mkdtemp(folder) == NULL)
            return false;
    }
    atexit(clean_up);
    in_folder(path, "pipe");
    if (mkfifo(path, 0666) != 0 || getcwd(started_in, sizeof started_in) == NULL)
        return false;
    if (base_files_make(folder, bases) == STATUS_OK)
        return true;
    fprintf(stderr, "%s\n", status_message());
    return false;
}

/* ---- the process that reads ---- */

static void tell_where(int number)
{
    void *frames[64];
    backtrace_symbols_fd(frames + 1, backtrace(frames, 64) - 1, STDERR_FILENO);
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_signals(void)
{
    static char stack[1 << 16];
    const stack_t own = { .ss_sp = stack, .ss_size = sizeof stack };
    struct sigaction action = { .sa_handler = tell_where, .sa_flags = SA_ONSTACK };
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
    void *frame;
    backtrace(&frame, 1); /* loads what it needs */
    sigaltstack(&own, NULL);
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGPROF, &action, NULL);
#if !defined(__SANITIZE_ADDRESS__) && !defined(GRADSWEEP_FUZZ) /* sanitizers have handlers, and reserve terabytes */
    const struct rlimit memory = { .rlim_cur = (rlim_t)2 << 30, .rlim_max = (rlim_t)2 << 30 };
    setrlimit(RLIMIT_AS, &memory);
    sigaction(SIGABRT, &action, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
#else
    (void)signals;
#endif
}

static int read_damaged(const struct base_file *base, const char *recipe)
{
    char report[PATH_MAX], damaged[PATH_MAX];
    in_folder(report, "report");
    in_folder(damaged, "damaged.h5");
    if (freopen(report, "w", stderr) == NULL || chdir(folder) != 0)
        return EXIT_NO_RECIPE;
    catch_signals();
    if (!recipe_apply(base, recipe, damaged))
        return EXIT_NO_RECIPE;
    const struct itimerval own = { .it_value.tv_sec = OWN_SECONDS_A_FILE };
    setitimer(ITIMER_PROF, &own, NULL);
    alarm(SECONDS_A_FILE);
    bool is_good = base == &bases[BASE_RESULTS] ? files_target_results(damaged) : files_target_network(damaged);
    alarm(0);
    setitimer(ITIMER_PROF, &(struct itimerval){ 0 }, NULL);
    if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
        return EXIT_LEAK;
    return is_good ? EXIT_GOOD : EXIT_REFUSED;
}

/* ---- judging ---- */

static size_t load_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t length = file == NULL ? 0 : fread(text, 1, size - 1, file);
    if (file != NULL)
        fclose(file);
    text[length] = '\0';
    return length;
}

/* Whether the innermost frame that is HDF5's or this program's is HDF5's. */
static bool is_of_hdf5(const char *report)
{
    /* Our own handler's frame stands before that of the signal, but not where a sanitizer tells. */
    const char *signal_frame = strstr(report, "libc.so.6(+");
    if (signal_frame != NULL && strstr(report, "ERROR: ") == NULL && strstr(report, "_target.c:") == NULL)
        report = signal_frame;
    const char *of_hdf5 = strstr(report, "libhdf5");
    static const char *const ours[] = { "fuzz_files(+", GRADSWEEP_SOURCES, "_target.c:" };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        const char *frame = strstr(report, ours[i]);
        if (frame != NULL && of_hdf5 != NULL && frame < of_hdf5)
            return false;
    }
    return of_hdf5 != NULL;
}

static void keep(const char *kind, unsigned long number, const char *recipe, const char *report)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s-%lu.recipe", started_in, kind, number);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(recipe, file) < 0 || fclose(file) != 0)
        perror(path);
    snprintf(path, sizeof path, "%s/%s-%lu.report", started_in, kind, number);
    file = fopen(path, "w");
    if (file == NULL || fputs(report, file) < 0 || fclose(file) != 0)
        perror(path);
}

static void judge(int ended, unsigned long number, const char *recipe, struct tally *tally)
{
    char path[PATH_MAX];
    static char report[REPORT_BYTES];
    int code = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
    tally->good += code == EXIT_GOOD;
    tally->refused += code == EXIT_REFUSED;
    tally->not_made += code == EXIT_NO_RECIPE;
    in_folder(path, "report");
    load_text(path, report, sizeof report);
    if (code == EXIT_NO_RECIPE)
        fprintf(stderr, "%s%s", recipe, report);
    if (code == EXIT_GOOD || code == EXIT_REFUSED || code == EXIT_NO_RECIPE)
        return;
    bool is_hdf5 = is_of_hdf5(report);
    unsigned long *count = is_hdf5 ? &tally->of_hdf5 : &tally->ours;
    if (++*count > MOST_REPORTED)
        return;
    printf("%s: number %lu ended with %s %d\n", is_hdf5 ? "HDF5" : "gradsweep", number,
           WIFEXITED(ended) ? "exit code" : "signal", WIFEXITED(ended) ? code : WTERMSIG(ended));
    keep(is_hdf5 ? "hdf5" : "failed", number, recipe, report);
}

static bool run(const char *recipe, unsigned long number, struct tally *tally)
{
    const struct base_file *base = recipe_base(bases, BASE_COUNT, recipe);
    int ended = 0;
    if (base == NULL)
        return false;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(read_damaged(base, recipe));
    if (child < 0 || waitpid(child, &ended, 0) != child) {
        perror("a process to read with");
        return false;
    }
    judge(ended, number, recipe, tally);
    return true;
}

static int report(const struct tally *tally)
{
    unsigned long all = tally->good + tally->refused + tally->ours + tally->of_hdf5 + tally->not_made;
    printf("read %lu damaged files: %lu good all the same, %lu refused, %lu failed in gradsweep, %lu in HDF5 itself\n",
           all, tally->good, tally->refused, tally->ours, tally->of_hdf5);
    return tally->ours > 0 || tally->not_made > 0 || all == 0 ? 1 : 0;
}

/* ---- commands ---- */

static int replay(int count, char **paths)
{
    char recipe[RECIPE_TEXT];
    struct tally tally = { 0 };
    for (int i = 0; i < count; i++)
        if (load_text(paths[i], recipe, sizeof recipe) == 0 || !run(recipe, (unsigned long)i, &tally)) {
            fprintf(stderr, "%s: no recipe\n", paths[i]);
            return 1;
        }
    return report(&tally);
}

static void draw(unsigned long seed, unsigned long number, char recipe[RECIPE_TEXT])
{
    recipe_draw(bases, BASE_COUNT, seed << 32 | number, recipe);
}

static int fresh(unsigned long count, unsigned long seed)
{
    char recipe[RECIPE_TEXT];
    struct tally tally = { 0 };
    for (unsigned long number = 0; number < count; number++) {
        draw(seed, number, recipe);
        if (!run(recipe, number, &tally))
            return 1;
    }
    /* Both must occur, or nothing was tested. */
    return report(&tally) == 0 && tally.good > 0 && tally.refused > 0 ? 0 : 1;
}

static int make(const char *recipe_path, const char *path)
{
    char recipe[RECIPE_TEXT];
    load_text(recipe_path, recipe, sizeof recipe);
    const struct base_file *base = recipe_base(bases, BASE_COUNT, recipe);
    return base != NULL && recipe_apply(base, recipe, path) ? 0 : 1;
}

int main(int argc, char **argv)
{
    char recipe[RECIPE_TEXT];
    const char *command = argc > 2 ? argv[1] : "";
    if (!prepare())
        return 1;
    if (strcmp(command, "replay") == 0)
        return replay(argc - 2, argv + 2);
    if (strcmp(command, "fresh") == 0 && argc == 4)
        return fresh(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    if (strcmp(command, "make") == 0 && argc == 4)
        return make(argv[2], argv[3]);
    if (strcmp(command, "draw") == 0 && argc == 4) {
        draw(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), recipe);
        fputs(recipe, stdout);
        return 0;
    }
    fputs("usage: fuzz_files replay RECIPE... | fresh COUNT SEED | draw SEED NUMBER | make RECIPE OUT.h5\n", stderr);
    return 2;
}
