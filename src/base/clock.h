/* Time. Not collective. */
#ifndef GRADSWEEP_BASE_CLOCK_H
#define GRADSWEEP_BASE_CLOCK_H

#include <stddef.h>

/* Seconds of a monotonic clock with an arbitrary origin; for durations. */
double clock_seconds(void);

/* The present UTC time as ISO 8601, e.g. 2013-06-16T12:00:00Z, into text[size >= 21]. */
void clock_utc_text(char *text, size_t size);

/* Sleeps for so many seconds, or less if a signal arrives. */
void clock_sleep(double seconds);

#endif
