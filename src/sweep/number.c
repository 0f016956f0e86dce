#include "sweep/number.h"

#include "base/decimal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COMPUTED_DIGITS = 12, NUMBER_TEXT = 40 };

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

static double read_digits(const char *digits, int base)
{
    double value = 0;
    for (; *digits != '\0'; digits++) {
        int digit = *digits <= '9' ? *digits - '0' : (*digits | 0x20) - 'a' + 10;
        value = base * value + digit;
    }
    return value;
}

/* Minutes and degrees: 1:30 is 90. */
static bool read_sexagesimal(const char *text, double *value)
{
    enum { PLACES = 9, LAST_MINUTE = 59 };
    const char *first = text;
    *value = 0;
    if (strchr(text, ':') == NULL)
        return false;
    for (;; text++) {
        const char *end = skip_digits(text);
        if (end == text || end > text + PLACES || (text > first && atol(text) > LAST_MINUTE))
            return false;
        *value = 60 * *value + (double)atol(text);
        text = end;
        if (*text == '\0')
            return true;
        if (*text != ':')
            return false;
    }
}

/* The spellings that one version of YAML takes for a number and another for text or another number. */
static bool read_otherwise(const char *text, double *value)
{
    static const struct {
        const char *prefix, *digits;
        int base;
    } bases[] = {
        { "0b", "01", 2 }, { "0o", "01234567", 8 }, { "0x", "0123456789abcdefABCDEF", 16 }, { "0", "01234567", 8 }
    };
    char plain[NUMBER_TEXT];
    size_t length = 0;
    bool is_negative = *text == '-', has_underscore = strchr(text, '_') != NULL;
    text += *text == '+' || *text == '-';
    if (*text < '0' || *text > '9' || strlen(text) >= sizeof plain)
        return false;
    for (; *text != '\0'; text++)
        if (*text != '_')
            plain[length++] = *text;
    plain[length] = '\0';
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        size_t skipped = strlen(bases[i].prefix);
        bool is_this = strncmp(plain, bases[i].prefix, skipped) == 0 && length > skipped &&
                       strspn(plain + skipped, bases[i].digits) == length - skipped;
        if (is_this) {
            *value = (is_negative ? -1 : 1) * read_digits(plain + skipped, bases[i].base);
            return true;
        }
    }
    bool is_number = read_sexagesimal(plain, value) || (has_underscore && is_decimal(plain));
    if (is_number && strchr(plain, ':') == NULL)
        *value = strtod(plain, NULL);
    *value = is_negative ? -*value : *value;
    return is_number;
}

/* An octal integer of YAML 1.1 that 1.2 reads as a decimal one with another value. */
static bool is_ambiguous(const char *text)
{
    double other = 0;
    return is_decimal(text) && read_otherwise(text, &other) && other != strtod(text, NULL);
}

/* A decimal number that double precision has only as infinity, or as 0 though it is none. */
static bool is_out_of_range(const char *text)
{
    double value = strtod(text, NULL);
    size_t mantissa = strcspn(text, "eE");
    return !isfinite(value) || (value == 0 && strcspn(text, "123456789") < mantissa);
}

void number_explain(const char *text, char *hint)
{
    double other = 0;
    hint[0] = '\0';
    if (is_decimal(text) && is_out_of_range(text))
        snprintf(hint, NUMBER_HINT_TEXT, "beyond the range of double precision");
    if (!read_otherwise(text, &other))
        return;
    if (is_ambiguous(text))
        snprintf(hint, NUMBER_HINT_TEXT, "%.15g in YAML 1.1, %.15g in YAML 1.2: write that which is meant", other,
                 strtod(text, NULL));
    else if (!is_decimal(text))
        snprintf(hint, NUMBER_HINT_TEXT, "some readers of YAML take it for %.15g: write that if it is meant", other);
}

bool number_parse(const char *text, double *value)
{
    if (!is_decimal(text) || is_ambiguous(text) || is_out_of_range(text))
        return false;
    *value = strtod(text, NULL);
    return true;
}

bool number_parse_unsigned(const char *text, uint64_t *value)
{
    double real = 0;
    if (*skip_digits(text) == '\0' && *text != '\0' && !is_ambiguous(text)) {
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
    char text[DECIMAL_TEXT];
    decimal_write(value, text);
    const char *exponent = strchr(text, 'e');
    if (exponent != NULL && strchr(text, '.') == NULL)
        fprintf(stream, "%.*s.0%s", (int)(exponent - text), text, exponent);
    else
        fputs(text, stream);
}
