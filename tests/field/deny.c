/* deny NAME=ERRNO... -- COMMAND [ARGUMENTS]: runs a command, and all that it starts, in a system where some calls fail:
 * as on a file system that has no locks (flock=ENOSYS setlk=ENOLCK), in a container (process_vm=EPERM ptrace=EPERM), or
 * on a disk that is full or ill (fsync=EIO). The kernel answers so itself (seccomp), whichever library makes the call;
 * no privileges are needed. `deny --names` lists the names; 77: the system cannot do this, 2: wrong use. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Which calls a name stands for: with any arguments, with one value of one argument, or with any other than that. */
enum match { ANY, IS, IS_NOT };
struct rule {
    const char *name;
    int call;
    enum match match;
    int argument;
    uint32_t value;
};

static const struct rule rules[] = {
    { "flock", SYS_flock, ANY, 0, 0 },
    { "setlk", SYS_fcntl, IS, 1, F_SETLK },
    { "setlk", SYS_fcntl, IS, 1, F_SETLKW },
    { "setlk", SYS_fcntl, IS, 1, F_OFD_SETLK },
    { "setlk", SYS_fcntl, IS, 1, F_OFD_SETLKW },
    { "lease", SYS_fcntl, IS, 1, F_SETLEASE },
    { "process_vm", SYS_process_vm_readv, ANY, 0, 0 },
    { "process_vm", SYS_process_vm_writev, ANY, 0, 0 },
    { "ptrace", SYS_ptrace, ANY, 0, 0 },
    { "fallocate", SYS_fallocate, ANY, 0, 0 },
    { "truncate", SYS_ftruncate, ANY, 0, 0 },
    { "fsync", SYS_fsync, ANY, 0, 0 },
    { "fsync", SYS_fdatasync, ANY, 0, 0 },
#ifdef SYS_rename
    { "rename", SYS_rename, ANY, 0, 0 },
#endif
    { "rename", SYS_renameat, ANY, 0, 0 },
    { "rename", SYS_renameat2, IS, 4, 0 },
    /* What NFS answers to RENAME_NOREPLACE, with EINVAL. */
    { "rename_flags", SYS_renameat2, IS_NOT, 4, 0 },
#ifdef SYS_link
    { "link", SYS_link, ANY, 0, 0 },
#endif
    { "link", SYS_linkat, ANY, 0, 0 },
#ifdef SYS_symlink
    { "symlink", SYS_symlink, ANY, 0, 0 },
#endif
    { "symlink", SYS_symlinkat, ANY, 0, 0 },
#ifdef SYS_unlink
    { "unlink", SYS_unlink, ANY, 0, 0 },
#endif
    { "unlink", SYS_unlinkat, ANY, 0, 0 },
    { "sched_setaffinity", SYS_sched_setaffinity, ANY, 0, 0 },
    { "sched_getaffinity", SYS_sched_getaffinity, ANY, 0, 0 },
    { "inet_socket", SYS_socket, IS, 0, AF_INET },
    { "inet_socket", SYS_socket, IS, 0, AF_INET6 },
    { "mbind", SYS_mbind, ANY, 0, 0 },
    { "kill", SYS_kill, ANY, 0, 0 },
};
enum { RULES = sizeof rules / sizeof *rules, INSTRUCTIONS = 5 * RULES + 1 };

/* For a name like EPERM; 0 where there is none. */
static int errno_of(const char *name)
{
    for (int number = 1; number < 200; number++)
        if (strerrorname_np(number) && strcmp(strerrorname_np(number), name) == 0)
            return number;
    return 0;
}

/* Appends instructions that answer the calls of a rule with an error, and leave all others to those that follow; their
 * count. The low half of an argument is enough for all values above (of a little-endian machine, as x86 and ARM are).
 */
static size_t append(struct sock_filter *program, const struct rule *rule, int error)
{
    const struct sock_filter load_call = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    const struct sock_filter load_argument =
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 (uint32_t)(offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (size_t)rule->argument));
    const struct sock_filter answer =
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((uint32_t)error & SECCOMP_RET_DATA));
    const uint32_t call = (uint32_t)rule->call;
    size_t count = 0;
    program[count++] = load_call;
    if (rule->match == ANY) {
        program[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    } else {
        const uint8_t equal = rule->match == IS ? 0 : 1, different = (uint8_t)(1 - equal);
        program[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3);
        program[count++] = load_argument;
        program[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule->value, equal, different);
    }
    program[count++] = answer;
    return count;
}

/* Appends all rules of a NAME=ERRNO; 0 where there is no such name or error. */
static size_t append_all(struct sock_filter *program, const char *text)
{
    const char *equals = strchr(text, '=');
    const int error = equals ? errno_of(equals + 1) : 0;
    size_t count = 0;
    for (size_t n = 0; error != 0 && n < RULES; n++)
        if (strlen(rules[n].name) == (size_t)(equals - text) &&
            strncmp(rules[n].name, text, (size_t)(equals - text)) == 0)
            count += append(program + count, &rules[n], error);
    return count;
}

static int list_names(void)
{
    for (size_t n = 0; n < RULES; n++)
        if (n == 0 || strcmp(rules[n].name, rules[n - 1].name) != 0)
            puts(rules[n].name);
    return 0;
}

int main(int count, char **arguments)
{
    struct sock_filter program[INSTRUCTIONS];
    size_t length = 0;
    int n = 1;
    if (count == 2 && strcmp(arguments[1], "--names") == 0)
        return list_names();
    for (; n < count && strcmp(arguments[n], "--") != 0; n++) {
        struct sock_filter added[INSTRUCTIONS];
        const size_t more = append_all(added, arguments[n]);
        if (more == 0 || length + more + 1 > INSTRUCTIONS) {
            fprintf(stderr, "deny: %s: expected NAME=ERRNO, each name once (deny --names lists them)\n", arguments[n]);
            return 2;
        }
        memcpy(program + length, added, more * sizeof *added);
        length += more;
    }
    if (n + 1 >= count) {
        fputs("usage: deny NAME=ERRNO... -- COMMAND [ARGUMENTS]\n", stderr);
        return 2;
    }
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog filter = { .len = (unsigned short)length, .filter = program };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        fprintf(stderr, "deny: no filter for system calls: %s\n", strerror(errno));
        return 77;
    }
    execvp(arguments[n + 1], arguments + n + 1);
    fprintf(stderr, "deny: %s: %s\n", arguments[n + 1], strerror(errno));
    return 2;
}
