/* effective_sweep FILE...: prints for each sweep file "+" and its effective text, or "-" and its mistakes, and a NUL.
 */
#include "sweep/sweep.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct sweep *sweep = NULL;
        char *mistakes = NULL;
        size_t length = 0;
        FILE *terminal = stderr;
        stderr = open_memstream(&mistakes, &length);
        enum status status = sweep_open(argv[i], 0, NULL, true, &sweep);
        fclose(stderr);
        stderr = terminal;
        if (status == STATUS_OK)
            printf("+%s", sweep->text);
        else
            printf("-%s%s", mistakes, status_message());
        putchar('\0');
        sweep_close(sweep);
        free(mistakes);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
