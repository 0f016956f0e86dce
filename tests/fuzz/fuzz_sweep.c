/* Sweep files without libFuzzer, in every build:
 *   fuzz_sweep replay FILE...            inputs that are kept
 *   fuzz_sweep fresh COUNT SEED FILE...  so many new ones, made from these files; the same for the same seed
 * The input at hand lies in the file "replay.input" or "fresh.input" of the present folder until it is done, and is
 * left there by a crash, or after 5 s. */
#include "sweep_target.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

enum { MOST_SEEDS = 256, OWN_SECONDS_AN_INPUT = 5, SECONDS_AN_INPUT = 60, MUTATIONS_OF_ONE = 3 };

static char kept_path[32]; /* of the input at hand */

struct input {
    uint8_t bytes[SWEEP_INPUT_BYTES];
    size_t size;
};

static bool load(const char *path, struct input *input)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    input->size = fread(input->bytes, 1, sizeof input->bytes, file);
    fclose(file);
    return true;
}

/* A mapping of the file: what is copied there outlives the process, and costs next to nothing. */
static void keep(const struct input *input)
{
    static int descriptor = -1;
    static uint8_t *mapping = NULL;
    if (mapping == NULL) {
        descriptor = open(kept_path, O_RDWR | O_CREAT | O_TRUNC, 0666);
        mapping = mmap(NULL, sizeof input->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    }
    if (mapping == MAP_FAILED || ftruncate(descriptor, (off_t)input->size) != 0) {
        perror(kept_path);
        exit(1);
    }
    memcpy(mapping, input->bytes, input->size);
}

static bool run(const struct input *input)
{
    /* A buffer of just this size, so that the sanitizers see what reads beyond it. */
    uint8_t *exact = malloc(input->size + (input->size == 0));
    memcpy(exact, input->bytes, input->size);
    keep(input);
    setitimer(ITIMER_PROF, &(struct itimerval){ .it_value.tv_sec = OWN_SECONDS_AN_INPUT }, NULL);
    alarm(SECONDS_AN_INPUT); /* the other is of no use where the process waits */
    bool is_good = sweep_target(exact, input->size) != 0;
    alarm(0);
    setitimer(ITIMER_PROF, &(struct itimerval){ 0 }, NULL);
    free(exact);
    return is_good;
}

static int replay(int count, char **paths)
{
    static struct input input;
    int good = 0;
    for (int i = 0; i < count; i++) {
        if (!load(paths[i], &input))
            return 1;
        good += run(&input);
    }
    printf("replayed %d sweep files: %d good, %d refused\n", count, good, count - good);
    return count > 0 ? 0 : 1;
}

static int fresh(unsigned long count, unsigned seed, int seed_count, char **paths)
{
    static struct input seeds[MOST_SEEDS], input;
    unsigned long good = 0;
    if (seed_count < 1 || seed_count > MOST_SEEDS)
        return 2;
    for (int i = 0; i < seed_count; i++)
        if (!load(paths[i], &seeds[i]))
            return 1;
    for (unsigned long number = 0; number < count; number++) {
        /* A new seed every few inputs, else a change of the last input. */
        if (number % MUTATIONS_OF_ONE == 0)
            input = seeds[number / MUTATIONS_OF_ONE % (unsigned long)seed_count];
        input.size = sweep_mutate(input.bytes, input.size, sizeof input.bytes, seed * 2654435761u + (unsigned)number);
        good += run(&input);
    }
    printf("read %lu fresh sweep files: %lu good, %lu refused\n", count, good, count - good);
    return good > 0 && good < count ? 0 : 1; /* both must occur, or nothing was tested */
}

int main(int argc, char **argv)
{
    int status = 2;
#if !defined(__SANITIZE_ADDRESS__) && !defined(GRADSWEEP_FUZZ) /* sanitizers reserve terabytes */
    const struct rlimit memory = { .rlim_cur = (rlim_t)2 << 30, .rlim_max = (rlim_t)2 << 30 };
    setrlimit(RLIMIT_AS, &memory);
#endif
    snprintf(kept_path, sizeof kept_path, "%s.input", argc > 1 && strcmp(argv[1], "fresh") == 0 ? "fresh" : "replay");
    if (argc > 2 && strcmp(argv[1], "replay") == 0)
        status = replay(argc - 2, argv + 2);
    else if (argc > 4 && strcmp(argv[1], "fresh") == 0)
        status = fresh(strtoul(argv[2], NULL, 10), (unsigned)strtoul(argv[3], NULL, 10), argc - 4, argv + 4);
    else
        fputs("usage: fuzz_sweep replay FILE... | fuzz_sweep fresh COUNT SEED FILE...\n", stderr);
    if (status == 0)
        unlink(kept_path);
    return status;
}
