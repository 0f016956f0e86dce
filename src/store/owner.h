/* Who holds a lock: a process on a host, as others read it in a lock file, and whether it lives. Not collective. */
#ifndef GRADSWEEP_STORE_OWNER_H
#define GRADSWEEP_STORE_OWNER_H

#include <stdbool.h>
#include <stddef.h>

enum { OWNER_FIELD = 128, OWNER_RECORD = 2048, OWNER_TOKEN = 16 };

/* Empty texts where unknown. */
struct owner {
    char host[OWNER_FIELD];
    char process[OWNER_FIELD];
    char start[OWNER_FIELD]; /* of the process, in clock ticks since the host was booted: numbers come again */
    char boot[OWNER_FIELD];  /* a host that was rebooted has another one */
    char space[OWNER_FIELD]; /* of process numbers: in another container the same number is another process */
    char job[OWNER_FIELD];
    char restarts[OWNER_FIELD];
    char token[OWNER_FIELD]; /* OWNER_TOKEN random hexadecimal digits: no two owners have the same */
    char kind[OWNER_FIELD];  /* of lock: "fcntl", or "exclusive" where the file's being there is all there is of it */
};

enum owner_life { OWNER_DEAD, OWNER_LIVING, OWNER_UNKNOWN };

/* This process, with a new token. */
struct owner owner_this(void);

/* "key=value" lines, as many bytes as are returned, at most OWNER_RECORD; and back from record[length], false where it
 * is none: its writer died before it was made, or has not come so far. */
int owner_write(const struct owner *owner, char record[OWNER_RECORD]);
bool owner_read(const char *record, size_t length, struct owner *owner);

/* "process 12 on node7, Slurm job 34", for people, into text[size]. */
void owner_describe(const struct owner *owner, char *text, size_t size);

/* Whether the owner ran on this host, and since it was booted. */
bool owner_is_here(const struct owner *owner, const struct owner *now);

/* Whether it lives. `has_let_go`: the system says that nobody holds the fcntl lock on its file, which a process on this
 * host has until it ends. An owner on another host is unknown, for its file system may not pass locks on, but for the
 * same Slurm job before it was requeued. */
enum owner_life owner_life(const struct owner *owner, const struct owner *now, bool has_let_go);

#endif
