#include "sweep/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { LONGEST = 63 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool is_same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t suggest_distance(const char *left, const char *right)
{
    size_t rows = strlen(left), columns = strlen(right);
    if (rows > LONGEST || columns > LONGEST)
        return LONGEST;
    /* Rows i-2, i-1 and i of the table of distances between the first i and the first j letters. */
    size_t before[LONGEST + 1] = { 0 }, above[LONGEST + 1], present[LONGEST + 1];
    for (size_t j = 0; j <= columns; j++)
        above[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        present[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t replaced = above[j - 1] + !is_same_letter(left[i - 1], right[j - 1]);
            present[j] = smaller(replaced, smaller(above[j], present[j - 1]) + 1);
            if (i > 1 && j > 1 && is_same_letter(left[i - 1], right[j - 2]) &&
                is_same_letter(left[i - 2], right[j - 1]))
                present[j] = smaller(present[j], before[j - 2] + 1);
        }
        memcpy(before, above, sizeof above);
        memcpy(above, present, sizeof present);
    }
    return above[columns];
}

const char *suggest_nearest(const char *word, size_t count, const char *const *names)
{
    const char *nearest = NULL;
    size_t least = LONGEST;
    for (size_t number = 0; number < count; number++) {
        size_t distance = suggest_distance(word, names[number]);
        /* Half of the letters must be right, or it is no slip of the fingers. */
        if (distance < least && 2 * distance <= strlen(names[number])) {
            least = distance;
            nearest = names[number];
        }
    }
    return nearest;
}
