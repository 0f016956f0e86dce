#include "run/provenance.h"

#include "base/json.h"
#include "linalg/blas.h"
#include "linalg/instruction_set.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is written becomes text[size], NUL-terminated, and ends where that does; NULL, and "", without memory. */
static FILE *open_text(char *text, size_t size)
{
    memset(text, 0, size);
    return fmemopen(text, size - 1, "w");
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

/* A line of its own; of many lines the first. */
static void print_line(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%-9s %.*s\n", name, value[0] ? (int)strcspn(value, "\n") : 7, value[0] ? value : "unknown");
}

void provenance_describe_build(char *text, size_t size)
{
    struct libraries libraries;
    find_libraries(&libraries);
    FILE *out = open_text(text, size);
    if (out == NULL)
        return;
    print_line(out, "revision", GRADSWEEP_GIT_REVISION);
#ifdef __clang__
    print_line(out, "compiler", __VERSION__);
#else
    print_line(out, "compiler", "GCC " __VERSION__);
#endif
    print_line(out, "MPI", libraries.mpi);
    print_line(out, "HDF5", libraries.hdf5);
    print_line(out, "BLAS", libraries.blas);
    print_line(out, "kernel", instruction_set_name());
    fclose(out);
}

const char *provenance_program(void)
{
    return GRADSWEEP_VERSION " (revision " GRADSWEEP_GIT_REVISION ")";
}

/* The first line of a text, without what would have to be escaped (base/json.h); null for NULL or "". */
static void add_text(struct json *object, const char *name, const char *text)
{
    char value[MPI_MAX_LIBRARY_VERSION_STRING];
    size_t length = 0;
    for (const char *c = text ? text : ""; *c && *c != '\n' && length < sizeof value - 1; c++)
        if ((unsigned char)*c >= ' ' && *c != '"' && *c != '\\')
            value[length++] = *c;
    value[length] = '\0';
    json_add_text(object, name, length > 0 ? value : NULL);
}

/* What is measured is right to few digits, and rows have an end. */
static void add_measured(struct json *object, const char *name, double number)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", number);
    json_add_number(object, name, strtod(text, NULL));
}

static void add_libraries(struct json *object)
{
    struct libraries libraries;
    find_libraries(&libraries);
    add_text(object, "mpi", libraries.mpi);
    add_text(object, "hdf5", libraries.hdf5);
    add_text(object, "blas", libraries.blas);
}

static struct json start_object(struct json *outer, const char *name)
{
    json_next(outer, name);
    return json_start(outer->out, '{');
}

static void add_phases(struct json *object, const char *name, const double seconds[PHASES])
{
    struct json phases = start_object(object, name);
    for (enum phase phase = 0; phase < PHASES; phase++)
        add_measured(&phases, phase_name(phase), seconds[phase]);
    fputc('}', object->out);
}

static void add_measures(struct json *object, const double seconds[MEASURES])
{
    struct json measures = start_object(object, "measure_seconds");
    for (int number = 0; number < MEASURES; number++)
        if (seconds[number] != 0.0)
            add_measured(&measures, measure_at(number)->name, seconds[number]);
    fputc('}', object->out);
}

/* `seconds` comes first: the first place of a key is what is found of it (base/json.h). */
static void add_account(struct json *object, const struct provenance *provenance)
{
    const struct account *account = provenance->account;
    if (account == NULL) {
        json_add_text(object, "busy_fraction", NULL);
        return;
    }
    add_measured(object, "busy_fraction", account_busy_fraction(account, provenance->ranks));
    add_measured(object, "wall_seconds", account->wall_seconds);
    add_phases(object, "seconds", account->seconds);
    if (provenance->ranks > 1) {
        add_phases(object, "least_of_a_rank", account->least);
        add_phases(object, "most_of_a_rank", account->most);
    }
    add_measures(object, account->measure_seconds);
    add_measured(object, "operations", account->operations);
    add_measured(object, "dgemm_rate", account->dgemm_rate);
    add_measured(object, "dgemm_share", account_dgemm_share(account));
}

static void add_ranks(struct json *object, const struct provenance *provenance)
{
    json_add_number(object, "cells_before", (double)provenance->cells_before);
    json_add_number(object, "ranks", provenance->ranks);
    json_next(object, "teams");
    struct json teams = json_start(object->out, '[');
    for (int i = 0; i < provenance->team_count; i++)
        json_add_number(&teams, NULL, provenance->team_sizes[i]);
    fputc(']', object->out);
    json_add_number(object, "threads", provenance->threads);
}

void provenance_write(const struct provenance *provenance, char *text, size_t size)
{
    char host[256] = "", cpu[256], shard[48];
    gethostname(host, sizeof host - 1);
    find_cpu_name(cpu, sizeof cpu);
    FILE *out = open_text(text, size);
    if (out == NULL)
        return;
    struct json object = json_start(out, '{');
    add_text(&object, "start", provenance->start);
    add_text(&object, "end", provenance->end);
    add_text(&object, "host", host);
    add_text(&object, "cpu", cpu);
    if (!shard_is_whole(&provenance->shard)) {
        snprintf(shard, sizeof shard, "%ld/%ld", provenance->shard.number, provenance->shard.count);
        add_text(&object, "shard", shard);
    }
    add_ranks(&object, provenance);
    add_text(&object, "slurm_job", getenv("SLURM_JOB_ID"));
    add_text(&object, "slurm_restarts", getenv("SLURM_RESTART_COUNT"));
    add_text(&object, "version", GRADSWEEP_VERSION);
    add_text(&object, "git_revision", GRADSWEEP_GIT_REVISION);
    add_text(&object, "compiler", __VERSION__);
    add_text(&object, "kernel", instruction_set_name());
    add_libraries(&object);
    add_account(&object, provenance);
    json_add_number(&object, "exit_code", provenance->end[0] ? provenance->exit_code : NAN);
    fputc('}', out);
    fclose(out);
}

void provenance_compare(const char *earlier, const char *now, char *differences, size_t size)
{
    static const char *const keys[] = { "cpu", "version", "git_revision", "kernel", "blas" };
    const char *separator = "";
    FILE *out = open_text(differences, size);
    if (out == NULL)
        return;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char before[256], after[256];
        json_find_text(earlier, keys[i], before, sizeof before);
        json_find_text(now, keys[i], after, sizeof after);
        if (strcmp(before, after) == 0)
            continue;
        fprintf(out, "%s%s: %s, now %s", separator, keys[i], before[0] ? before : "unknown",
                after[0] ? after : "unknown");
        separator = "; ";
    }
    fclose(out);
}
