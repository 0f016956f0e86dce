/* activate: the program's own activations, for a reference that follows a trajectory to the last bit. Reads requests
 * "NAME COUNT X..." until the end of the input, and answers each with a line of phi / sup|phi'| at every X, and a line
 * of phi' / sup|phi'|; numbers are hexadecimal, which loses nothing. Ends with 1 at what it does not understand. */
#include "model/activation.h"

#include <stdio.h>

enum { COUNT_MAX = 64 };

static void print_line(long count, const double *values)
{
    for (long i = 0; i < count; i++)
        printf("%a ", values[i]);
    putchar('\n');
}

int main(void)
{
    char name[32];
    long count = 0;
    double x[COUNT_MAX], results[COUNT_MAX];
    while (scanf("%31s %ld", name, &count) == 2) {
        const struct activation *activation = activation_find(name);
        if (activation == NULL || count < 1 || count > COUNT_MAX)
            return 1;
        for (long i = 0; i < count; i++) {
            if (scanf("%la", &x[i]) != 1)
                return 1;
        }
        activation_values(activation, count, x, 1 / activation->derivative_supremum, results);
        print_line(count, results);
        activation_derivatives(activation, count, x, results);
        print_line(count, results);
        fflush(stdout);
    }
    return ferror(stdin) || ferror(stdout);
}
