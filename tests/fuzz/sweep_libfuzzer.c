/* The sweep target for libFuzzer: half of the changes are its own, half those of sweep_mutate. */
#include "sweep_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)sweep_target(data, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
    return seed % 2 == 0 ? LLVMFuzzerMutate(data, size, capacity) : sweep_mutate(data, size, capacity, seed);
}
