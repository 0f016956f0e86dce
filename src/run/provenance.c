#include "run/provenance.h"

#include "base/json.h"
#include "linalg/blas.h"
#include "linalg/instruction_set.h"

#include <hdf5.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writer {
    char *text;
    size_t size;
    size_t used;
};

static void append(struct writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(writer->text + writer->used, writer->size - writer->used, format, arguments);
    va_end(arguments);
    if (length > 0)
        writer->used = writer->used + (size_t)length < writer->size ? writer->used + (size_t)length : writer->size - 1;
}

/* "key": "value", with what JSON does not allow left out of the value; null for NULL or "". */
static void append_text(struct writer *writer, const char *key, const char *value)
{
    append(writer, "\"%s\": ", key);
    if (value == NULL || value[0] == '\0') {
        append(writer, "null, ");
        return;
    }
    append(writer, "\"");
    for (const char *c = value; *c && *c != '\n'; c++)
        if ((unsigned char)*c >= ' ' && *c != '"' && *c != '\\')
            append(writer, "%c", *c);
    append(writer, "\", ");
}

static void find_cpu_name(char *name, size_t size)
{
    char line[256];
    name[0] = '\0';
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            snprintf(name, size, "%s", colon + 2);
            break;
        }
    }
    fclose(file);
}

struct libraries {
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING], hdf5[64], blas[256]; /* "" where one does not tell */
};

static void find_libraries(struct libraries *libraries)
{
    unsigned major = 0, minor = 0, release = 0;
    int length;
    *libraries = (struct libraries){ 0 };
    if (MPI_Get_library_version(libraries->mpi, &length) != MPI_SUCCESS)
        libraries->mpi[0] = '\0';
    if (H5get_libversion(&major, &minor, &release) >= 0)
        snprintf(libraries->hdf5, sizeof libraries->hdf5, "%u.%u.%u", major, minor, release);
    blas_describe(libraries->blas, sizeof libraries->blas);
}

static void append_libraries(struct writer *writer)
{
    struct libraries libraries;
    find_libraries(&libraries);
    append_text(writer, "mpi", libraries.mpi);
    append_text(writer, "hdf5", libraries.hdf5);
    append_text(writer, "blas", libraries.blas);
}

/* A line of its own; of many lines the first. */
static void append_line(struct writer *writer, const char *name, const char *value)
{
    append(writer, "%-9s %.*s\n", name, value[0] ? (int)strcspn(value, "\n") : 7, value[0] ? value : "unknown");
}

void provenance_describe_build(char *text, size_t size)
{
    struct writer writer = { text, size, 0 };
    struct libraries libraries;
    find_libraries(&libraries);
    text[0] = '\0';
    append_line(&writer, "revision", GRADSWEEP_GIT_REVISION);
#ifdef __clang__
    append_line(&writer, "compiler", __VERSION__);
#else
    append_line(&writer, "compiler", "GCC " __VERSION__);
#endif
    append_line(&writer, "MPI", libraries.mpi);
    append_line(&writer, "HDF5", libraries.hdf5);
    append_line(&writer, "BLAS", libraries.blas);
    append_line(&writer, "kernel", instruction_set_name());
}

const char *provenance_program(void)
{
    return GRADSWEEP_VERSION " (revision " GRADSWEEP_GIT_REVISION ")";
}

static void append_seconds(struct writer *writer, const char *key, const double seconds[PHASES])
{
    append(writer, "\"%s\": {", key);
    for (enum phase phase = 0; phase < PHASES; phase++)
        append(writer, "%s\"%s\": %.6g", phase == 0 ? "" : ", ", phase_name(phase), seconds[phase]);
    append(writer, "}, ");
}

static void append_measures(struct writer *writer, const double seconds[MEASURES])
{
    bool has_entries = false;
    append(writer, "\"measure_seconds\": {");
    for (int number = 0; number < MEASURES; number++) {
        if (seconds[number] == 0.0)
            continue;
        append(writer, "%s\"%s\": %.6g", has_entries ? ", " : "", measure_at(number)->name, seconds[number]);
        has_entries = true;
    }
    append(writer, "}, ");
}

/* `seconds` comes first: the first place of a key is what is found of it (base/json.h). */
static void append_account(struct writer *writer, const struct provenance *provenance)
{
    const struct account *account = provenance->account;
    if (account == NULL) {
        append(writer, "\"busy_fraction\": null, ");
        return;
    }
    append(writer, "\"busy_fraction\": %.4f, \"wall_seconds\": %.6g, ",
           account_busy_fraction(account, provenance->ranks), account->wall_seconds);
    append_seconds(writer, "seconds", account->seconds);
    if (provenance->ranks > 1) {
        append_seconds(writer, "least_of_a_rank", account->least);
        append_seconds(writer, "most_of_a_rank", account->most);
    }
    append_measures(writer, account->measure_seconds);
    append(writer, "\"operations\": %.6g, \"dgemm_rate\": %.4g, \"dgemm_share\": %.4f, ", account->operations,
           account->dgemm_rate, account_dgemm_share(account));
}

void provenance_write(const struct provenance *provenance, char *text, size_t size)
{
    struct writer writer = { text, size, 0 };
    char host[256] = "", cpu[256];
    gethostname(host, sizeof host - 1);
    find_cpu_name(cpu, sizeof cpu);
    append(&writer, "{");
    append_text(&writer, "start", provenance->start);
    append_text(&writer, "end", provenance->end);
    append_text(&writer, "host", host);
    append_text(&writer, "cpu", cpu);
    if (!shard_is_whole(&provenance->shard))
        append(&writer, "\"shard\": \"%ld/%ld\", ", provenance->shard.number, provenance->shard.count);
    append(&writer, "\"cells_before\": %" PRIu64 ", \"ranks\": %d, \"teams\": [", provenance->cells_before,
           provenance->ranks);
    for (int i = 0; i < provenance->team_count; i++)
        append(&writer, i == 0 ? "%d" : ", %d", provenance->team_sizes[i]);
    append(&writer, "], \"threads\": %d, ", provenance->threads);
    append_text(&writer, "slurm_job", getenv("SLURM_JOB_ID"));
    append_text(&writer, "slurm_restarts", getenv("SLURM_RESTART_COUNT"));
    append_text(&writer, "version", GRADSWEEP_VERSION);
    append_text(&writer, "git_revision", GRADSWEEP_GIT_REVISION);
    append_text(&writer, "compiler", __VERSION__);
    append_text(&writer, "kernel", instruction_set_name());
    append_libraries(&writer);
    append_account(&writer, provenance);
    if (provenance->end[0])
        append(&writer, "\"exit_code\": %d}", provenance->exit_code);
    else
        append(&writer, "\"exit_code\": null}");
}

void provenance_compare(const char *earlier, const char *now, char *differences, size_t size)
{
    static const char *const keys[] = { "cpu", "version", "git_revision", "kernel", "blas" };
    struct writer writer = { differences, size, 0 };
    differences[0] = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char before[256], after[256];
        json_find_text(earlier, keys[i], before, sizeof before);
        json_find_text(now, keys[i], after, sizeof after);
        if (strcmp(before, after) != 0)
            append(&writer, "%s%s: %s, now %s", differences[0] ? "; " : "", keys[i], before[0] ? before : "unknown",
                   after[0] ? after : "unknown");
    }
}
