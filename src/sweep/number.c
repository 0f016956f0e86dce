#include "sweep/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_DIGITS = 17, COMPUTED_DIGITS = 12, NUMBER_TEXT = 40 };

static const char *skip_digits(const char *text)
{
    while (*text >= '0' && *text <= '9')
        text++;
    return text;
}

/* [-+]? (digits [. [digits]] | . digits) ([eE] [-+]? digits)?, the decimal numbers of YAML 1.2's core schema. */
static bool is_decimal(const char *text)
{
    if (*text == '+' || *text == '-')
        text++;
    const char *whole = text;
    text = skip_digits(text);
    bool has_digits = text > whole;
    if (*text == '.') {
        const char *fraction = ++text;
        text = skip_digits(text);
        has_digits = has_digits || text > fraction;
    }
    if (!has_digits)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '+' || *text == '-')
            text++;
        const char *exponent = text;
        text = skip_digits(text);
        if (text == exponent)
            return false;
    }
    return *text == '\0';
}

bool number_parse(const char *text, double *value)
{
    if (!is_decimal(text))
        return false;
    *value = strtod(text, NULL);
    return isfinite(*value);
}

bool number_parse_unsigned(const char *text, uint64_t *value)
{
    double real = 0;
    if (*skip_digits(text) == '\0' && *text != '\0') {
        errno = 0;
        *value = strtoull(text, NULL, 10);
        return errno == 0;
    }
    if (!number_parse(text, &real) || real < 0 || real > 0x1p53 || real != floor(real))
        return false;
    *value = (uint64_t)real;
    return true;
}

bool number_is_within(const struct number_range *range, double value)
{
    if (!isfinite(value) || value > range->highest || value < range->lowest)
        return false;
    return !(range->lowest_excluded && value == range->lowest) && !(range->is_integer && value != floor(value));
}

void number_describe_range(const struct number_range *range, char *text)
{
    const char *noun = range->is_integer ? "an integer" : "a number";
    int length = 0;
    if (isinf(range->highest))
        length =
            snprintf(text, NUMBER_RANGE_TEXT, "%s %s %.15g", noun, range->lowest_excluded ? ">" : ">=", range->lowest);
    else if (range->lowest_excluded)
        length = snprintf(text, NUMBER_RANGE_TEXT, "%s > %.15g and <= %.15g", noun, range->lowest, range->highest);
    else
        length = snprintf(text, NUMBER_RANGE_TEXT, "%s from %.15g to %.15g", noun, range->lowest, range->highest);
    if (range->reason != NULL && length < NUMBER_RANGE_TEXT)
        snprintf(text + length, (size_t)(NUMBER_RANGE_TEXT - length), " (%s)", range->reason);
}

double number_round(double value)
{
    char text[NUMBER_TEXT];
    snprintf(text, sizeof text, "%.*g", COMPUTED_DIGITS, value);
    return strtod(text, NULL);
}

void number_write(double value, FILE *stream)
{
    char text[NUMBER_TEXT];
    for (int digits = COMPUTED_DIGITS; digits <= EXACT_DIGITS; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    const char *exponent = strchr(text, 'e');
    if (exponent != NULL && strchr(text, '.') == NULL)
        fprintf(stream, "%.*s.0%s", (int)(exponent - text), text, exponent);
    else
        fputs(text, stream);
}
