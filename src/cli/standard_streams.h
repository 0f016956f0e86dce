/* The standard streams: all three are there, and what was to be read on stdout has been written. */
#ifndef GRADSWEEP_CLI_STANDARD_STREAMS_H
#define GRADSWEEP_CLI_STANDARD_STREAMS_H

/* Puts something in the place of those of descriptors 0 to 2 that are closed (daemons and cron do that), so that no
 * file ever gets these numbers and with them what is meant for a terminal; and makes the end of the process, by exit()
 * or from main(), one with exit code 1 and the cause on stderr where something was printed on stdout and could not be
 * written: a full disk, a closed descriptor. To be called first of all in main(). Not collective. */
void standard_streams_open(void);

#endif
