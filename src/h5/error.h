/* Turns what HDF5 reports into one message. Not collective. */
#ifndef GRADSWEEP_H5_ERROR_H
#define GRADSWEEP_H5_ERROR_H

#include "base/status.h"

/* Records "<text>: <HDF5's innermost reason>" and returns `code`; empties HDF5's error stack. */
CHECKED enum status h5_fail(enum status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Keeps HDF5 from printing its error stack: what fails is said once, by us. Called by every function that opens a file.
 */
void h5_silence(void);

#endif
