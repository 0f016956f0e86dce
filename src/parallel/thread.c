#include "parallel/thread.h"

#include <signal.h>
#include <string.h>

enum status thread_start(pthread_t *thread, void *(*function)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(thread, NULL, function, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        return status_fail(STATUS_PARALLEL, "cannot start a helper thread: %s", strerror(failure));
    return STATUS_OK;
}
