/* Turns what HDF5 reports into one message. Not collective. */
#ifndef GRADSWEEP_H5_ERROR_H
#define GRADSWEEP_H5_ERROR_H

#include "base/status.h"

/* Records "<text>: <the reason>" and returns `code`; empties HDF5's error stack. The reason is HDF5's innermost one,
 * and where `code` is STATUS_IO that of the system as well: HDF5 does not pass on what MPI-IO met. For this, call
 * h5_expect_failure before whatever may fail. */
CHECKED enum status h5_fail(enum status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets what went wrong before. */
void h5_expect_failure(void);

/* Keeps HDF5 from printing its error stack: what fails is said once, by us. Called by every function that opens a file.
 */
void h5_silence(void);

#endif
