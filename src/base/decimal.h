/* Doubles as decimal text that reads back to the same bits. Not collective. */
#ifndef GRADSWEEP_BASE_DECIMAL_H
#define GRADSWEEP_BASE_DECIMAL_H

enum { DECIMAL_TEXT = 32 };

/* The fewest digits, 12 at least where they are needed, that read back to the same bits: 0.3, not 0.29999999999999999.
 * Into text[DECIMAL_TEXT], as %g writes them (17 always suffice for IEEE 754 doubles). */
void decimal_write(double value, char *text);

#endif
