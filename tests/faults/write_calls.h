/* Every call of the C library that writes to a descriptor, through write_through(descriptor, pieces, count, place),
 * which whoever includes this defines before; place -1: where the file stands. Stands before the library's own
 * (fault_injection.c). */
#ifndef GRADSWEEP_TESTS_WRITE_CALLS_H
#define GRADSWEEP_TESTS_WRITE_CALLS_H

ssize_t write(int descriptor, const void *bytes, size_t count)
{
    return write_through(descriptor, &(struct iovec){ (void *)bytes, count }, 1, -1);
}

ssize_t writev(int descriptor, const struct iovec *pieces, int count)
{
    return write_through(descriptor, pieces, count, -1);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t place)
{
    return write_through(descriptor, &(struct iovec){ (void *)bytes, count }, 1, place);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t place)
{
    return pwrite(descriptor, bytes, count, place);
}

ssize_t pwritev(int descriptor, const struct iovec *pieces, int count, off_t place)
{
    return write_through(descriptor, pieces, count, place);
}

ssize_t pwritev64(int descriptor, const struct iovec *pieces, int count, off_t place)
{
    return write_through(descriptor, pieces, count, place);
}

#endif
