#include "base/decimal.h"

#include <stdio.h>
#include <stdlib.h>

void decimal_write(double value, char *text)
{
    for (int digits = 12; digits <= 17; digits++) {
        snprintf(text, DECIMAL_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
}
