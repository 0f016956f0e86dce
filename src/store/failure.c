#include "store/failure.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* code = FIRST_OF_MEASURES + KINDS * measure + outcome: room for more of all three. */
enum { FIRST_OF_MEASURES = 16, KINDS = 8 };

static_assert((int)FAILURE_WHOLE_CELL_COUNT <= FIRST_OF_MEASURES, "codes of whole cells run into those of measures");
static_assert((int)JACOBIAN_OUTCOMES <= KINDS, "more outcomes than codes of a measure");
static_assert(FIRST_OF_MEASURES + KINDS * (int)MEASURES < FAILURE_CODES - 1, "no codes left for measures");

static const char *const whole_cell_texts[] = {
#define FAILURE_AS_TEXT(code, text) text,
    FAILURE_TABLE(FAILURE_AS_TEXT)
#undef FAILURE_AS_TEXT
};

static const char *const outcome_texts[] = {
#define OUTCOME_AS_TEXT(outcome, text) text,
    JACOBIAN_OUTCOME_TABLE(OUTCOME_AS_TEXT)
#undef OUTCOME_AS_TEXT
};

/* The code of a whole cell that has an outcome's name; FAILURE_NONE where there is none. */
static uint8_t whole_cell_code(enum jacobian_outcome outcome)
{
    for (uint8_t code = 1; code < FAILURE_WHOLE_CELL_COUNT; code++)
        if (strcmp(whole_cell_texts[code], outcome_texts[outcome]) == 0)
            return code;
    return FAILURE_NONE;
}

uint8_t failure_of_measures(unsigned requested, const enum jacobian_outcome *outcomes)
{
    int first = -1;
    bool is_all_alike = true;
    for (int id = 0; id < MEASURES; id++) {
        if (!(requested & 1u << id))
            continue;
        if (first < 0 && outcomes[id] != JACOBIAN_FOUND)
            first = id;
        is_all_alike = is_all_alike && first >= 0 && outcomes[id] == outcomes[first];
    }
    if (first < 0)
        return FAILURE_NONE;
    uint8_t whole = is_all_alike ? whole_cell_code(outcomes[first]) : FAILURE_NONE;
    return whole != FAILURE_NONE ? whole : (uint8_t)(FIRST_OF_MEASURES + KINDS * first + (int)outcomes[first]);
}

bool failure_is_of_measure(uint8_t code, int *measure)
{
    int number = (code - FIRST_OF_MEASURES) / KINDS, outcome = (code - FIRST_OF_MEASURES) % KINDS;
    if (code < FIRST_OF_MEASURES || number >= MEASURES || outcome == JACOBIAN_FOUND || outcome >= JACOBIAN_OUTCOMES)
        return false;
    *measure = number;
    return true;
}

bool failure_text(uint8_t code, char *text)
{
    int measure;
    text[0] = '\0';
    if (code < FAILURE_WHOLE_CELL_COUNT)
        snprintf(text, FAILURE_TEXT, "%s", whole_cell_texts[code]);
    else if (failure_is_of_measure(code, &measure))
        snprintf(text, FAILURE_TEXT, "%s_%s", measure_at(measure)->name,
                 outcome_texts[(code - FIRST_OF_MEASURES) % KINDS]);
    return text[0] != '\0';
}

void failure_fill_flags(struct failure_flags *flags)
{
    size_t count = 0;
    *flags = (struct failure_flags){ 0 };
    for (int code = 0; code < FAILURE_CODES; code++)
        if (failure_text((uint8_t)code, flags->texts[count])) {
            flags->values[count] = (uint8_t)code;
            flags->meanings[count] = flags->texts[count];
            count++;
        }
}
