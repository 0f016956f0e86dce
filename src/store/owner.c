#include "store/owner.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

enum { PROC_PATH = 64, PROC_TEXT = 1024, START_FIELD = 22 };

static void copy_field(char field[OWNER_FIELD], const char *text)
{
    snprintf(field, OWNER_FIELD, "%.*s", OWNER_FIELD - 1, text ? text : "");
    field[strcspn(field, "\r\n")] = '\0';
}

static void read_first_line(const char *path, char *text, int size)
{
    FILE *file = fopen(path, "r");
    text[0] = '\0';
    if (file == NULL)
        return;
    if (fgets(text, size, file) == NULL)
        text[0] = '\0';
    fclose(file);
}

/* State and start of a process as /proc/PID/stat tells them: behind its name, which may hold anything. */
static bool read_process(long process, char *state, char start[OWNER_FIELD])
{
    char path[PROC_PATH], text[PROC_TEXT];
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    read_first_line(path, text, sizeof text);
    char *place = strrchr(text, ')'), *rest = NULL;
    if (place == NULL)
        return false;
    char *field = strtok_r(place + 1, " ", &rest);
    *state = field ? field[0] : '?';
    for (int number = 3; field && number < START_FIELD; number++)
        field = strtok_r(NULL, " ", &rest);
    copy_field(start, field);
    return field != NULL;
}

static void make_token(char token[OWNER_FIELD])
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
        struct {
            struct timespec now;
            long process;
        } only_here = { .process = getpid() };
        clock_gettime(CLOCK_REALTIME, &only_here.now);
        number = XXH3_64bits(&only_here, sizeof only_here);
    }
    snprintf(token, OWNER_FIELD, "%0*llx", OWNER_TOKEN, (unsigned long long)number);
}

struct owner owner_this(void)
{
    struct owner owner = { 0 };
    char text[OWNER_FIELD] = "", state;
    if (gethostname(text, sizeof text - 1) == 0)
        copy_field(owner.host, text);
    snprintf(owner.process, sizeof owner.process, "%ld", (long)getpid());
    if (!read_process((long)getpid(), &state, owner.start))
        owner.start[0] = '\0';
    read_first_line("/proc/sys/kernel/random/boot_id", text, sizeof text);
    copy_field(owner.boot, text);
    ssize_t length = readlink("/proc/self/ns/pid", text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    copy_field(owner.space, text);
    copy_field(owner.job, getenv("SLURM_JOB_ID"));
    copy_field(owner.restarts, getenv("SLURM_RESTART_COUNT"));
    make_token(owner.token);
    return owner;
}

/* The fields by their keys in a record. */
struct field {
    const char *key;
    char *text;
};
enum { FIELDS = 9 };

static void list_fields(struct owner *owner, struct field fields[FIELDS])
{
    const struct field all[FIELDS] = {
        { "host=", owner->host },   { "pid=", owner->process },       { "start=", owner->start },
        { "boot=", owner->boot },   { "pidspace=", owner->space },    { "job=", owner->job },
        { "token=", owner->token }, { "restarts=", owner->restarts }, { "lock=", owner->kind },
    };
    memcpy(fields, all, sizeof all);
}

int owner_write(const struct owner *owner, char record[OWNER_RECORD])
{
    struct field fields[FIELDS];
    struct owner copy = *owner;
    int length = 0;
    list_fields(&copy, fields);
    for (int i = 0; i < FIELDS; i++)
        length += snprintf(record + length, (size_t)(OWNER_RECORD - length), "%s%s\n", fields[i].key, fields[i].text);
    return length;
}

bool owner_read(const char *record, size_t length, struct owner *owner)
{
    char text[OWNER_RECORD], *rest = NULL;
    struct field fields[FIELDS];
    *owner = (struct owner){ 0 };
    snprintf(text, sizeof text, "%.*s", (int)(length < sizeof text ? length : sizeof text - 1), record);
    list_fields(owner, fields);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        for (int i = 0; i < FIELDS; i++)
            if (strncmp(line, fields[i].key, strlen(fields[i].key)) == 0)
                copy_field(fields[i].text, line + strlen(fields[i].key));
    return owner->host[0] != '\0';
}

void owner_describe(const struct owner *owner, char *text, size_t size)
{
    snprintf(text, size, "process %s on %s%s%s", owner->process[0] ? owner->process : "unknown",
             owner->host[0] ? owner->host : "an unknown host", owner->job[0] ? ", Slurm job " : "", owner->job);
}

bool owner_is_here(const struct owner *owner, const struct owner *now)
{
    if (owner->boot[0] && now->boot[0])
        return strcmp(owner->boot, now->boot) == 0; /* a container may have another name for the host */
    return strcmp(owner->host, now->host) == 0;
}

static enum owner_life process_life(const struct owner *owner, const struct owner *now)
{
    char state = '?', start[OWNER_FIELD] = "";
    const long process = atol(owner->process);
    if (process <= 0 || (owner->space[0] && strcmp(owner->space, now->space) != 0))
        return OWNER_UNKNOWN;
    if (!read_process(process, &state, start)) /* those of other users may be hidden in /proc */
        return kill((pid_t)process, 0) != 0 && errno == ESRCH ? OWNER_DEAD : OWNER_UNKNOWN;
    if (state == 'Z' || state == 'X')
        return OWNER_DEAD;
    return owner->start[0] && strcmp(owner->start, start) != 0 ? OWNER_DEAD : OWNER_LIVING;
}

enum owner_life owner_life(const struct owner *owner, const struct owner *now, bool has_let_go)
{
    const bool same_job = owner->job[0] && strcmp(owner->job, now->job) == 0;
    if (same_job && atol(now->restarts) > atol(owner->restarts))
        return OWNER_DEAD;
    if (owner_is_here(owner, now))
        return has_let_go && strcmp(owner->kind, "exclusive") != 0 ? OWNER_DEAD : process_life(owner, now);
    return strcmp(owner->host, now->host) == 0 ? OWNER_DEAD : OWNER_UNKNOWN; /* before a reboot; elsewhere */
}
