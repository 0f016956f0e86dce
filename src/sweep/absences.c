#include "sweep/absences.h"

#include "base/memory.h"
#include "gradient/absence.h"
#include "sweep/schema.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_ENTRIES = 8, MOST_FORESEEN = 16 };

/* Of which `cell` is filled in: any cell of an ensemble and an activation. */
static struct absence_place place_of(const struct sweep *sweep, long ensemble, long activation,
                                     struct measured_cell *cell)
{
    *cell = (struct measured_cell){ .ensemble = &sweep->ensembles[ensemble],
                                    .activation = sweep->activations[activation],
                                    .model = &sweep->model,
                                    .options = &sweep->options,
                                    .hidden_size = sweep->hidden_sizes[0],
                                    .lags = sweep->lags,
                                    .lag_count = sweep->lag_count,
                                    .native = sweep->native };
    return (struct absence_place){ .cell = cell };
}

/* The first time t that a dataset has, that of the first anchor; the last is T. */
static long first_time(const struct sweep *sweep, const struct dataset_rule *rule)
{
    const long end = (long)axes_value(sweep, AXIS_ANCHOR, 0).integer;
    return dataset_is_along(rule, ALONG_STEP) ? end - sweep->options.lengths[ALONG_STEP] + 1 : end;
}

/* True if NaN is certain at all times and lags of one ensemble's cells. Times and lags matter by their distance alone,
 * which is longest between the last time and the smallest lag. */
static bool is_nan_throughout(const struct sweep *sweep, const struct dataset_rule *rule, long ensemble,
                              const struct absence **reason)
{
    int number = 0;
    struct measured_cell cell;
    for (long i = 0; i < sweep->activation_count; i++) {
        struct absence_place place = place_of(sweep, ensemble, i, &cell);
        place.time = sweep->model.steps;
        place.lag = dataset_is_along(rule, ALONG_LAG) ? sweep->lags[0] : 0;
        if (absence_of_cell(rule, &place, &number) != PRESENCE_NAN &&
            absence_of_value(rule, &place, &number) != PRESENCE_NAN)
            return false;
        *reason = rule->absences[number];
    }
    return true;
}

/* ---- where ---- */

struct list {
    FILE *stream;
    long count;
};

/* ", "-separated, of which the first few are shown. */
static bool start_entry(struct list *list, const char *title)
{
    if (list->count++ == 0)
        fprintf(list->stream, "%s ", title);
    else if (list->count <= SHOWN_ENTRIES)
        fputs(", ", list->stream);
    else if (list->count == SHOWN_ENTRIES + 1)
        fputs(", ...", list->stream);
    return list->count <= SHOWN_ENTRIES;
}

/* Where a reason is certain of NaN. */
static bool holds(const struct absence *reason, const struct absence_place *place)
{
    return reason->judge(place) == PRESENCE_NAN;
}

static void list_ensembles(const struct sweep *sweep, const struct dataset_rule *rule, const struct absence *reason,
                           FILE *stream)
{
    struct list list = { stream, 0 };
    struct measured_cell cell;
    (void)rule;
    for (long i = 0; i < sweep->ensemble_count; i++) {
        const struct absence_place place = place_of(sweep, i, 0, &cell);
        if (holds(reason, &place) && start_entry(&list, "for the ensemble"))
            fprintf(stream, "\"%s\"", sweep->ensembles[i].label);
    }
}

static void list_activations(const struct sweep *sweep, const struct dataset_rule *rule, const struct absence *reason,
                             FILE *stream)
{
    struct list list = { stream, 0 };
    struct measured_cell cell;
    (void)rule;
    for (long i = 0; i < sweep->activation_count; i++) {
        const struct absence_place place = place_of(sweep, 0, i, &cell);
        if (holds(reason, &place) && start_entry(&list, "for activation"))
            fputs(sweep->activations[i]->name, stream);
    }
}

static void list_lags(const struct sweep *sweep, const struct dataset_rule *rule, const struct absence *reason,
                      FILE *stream)
{
    struct list list = { stream, 0 };
    struct measured_cell cell;
    const long first = first_time(sweep, rule), last = sweep->model.steps;
    for (long i = 0; i < sweep->lag_count; i++) {
        struct absence_place place = place_of(sweep, 0, 0, &cell);
        place.lag = sweep->lags[i];
        place.time = first;
        if (!holds(reason, &place) || !start_entry(&list, "at lag"))
            continue;
        fprintf(stream, "%ld", place.lag);
        if (place.lag < last)
            fprintf(stream, " (t = %ld..%ld)", first, place.lag);
    }
}

/* Where along its axis a foreseen reason holds; nothing is written where it holds nowhere. */
static void (*const list_by[])(const struct sweep *sweep, const struct dataset_rule *rule, const struct absence *reason,
                               FILE *stream) = {
    [FORESEEN_BY_ENSEMBLE] = list_ensembles,
    [FORESEEN_BY_ACTIVATION] = list_activations,
    [FORESEEN_BY_LAG] = list_lags,
};

static bool has_reason(const struct dataset_rule *rule, const struct absence *reason)
{
    for (int i = 0; i < DATASET_MAX_ABSENCES; i++)
        if (rule->absences[i] == reason)
            return true;
    return false;
}

static enum status find_places(const struct sweep *sweep, const struct dataset_rule *rule, const struct absence *reason,
                               char **text)
{
    size_t length = 0;
    FILE *stream = open_memstream(text, &length);
    if (stream == NULL)
        return status_fail(STATUS_MEMORY, "no memory for what is told of a sweep");
    if (has_reason(rule, reason))
        list_by[reason->foreseen](sweep, rule, reason, stream);
    return fclose(stream) == 0 ? STATUS_OK : status_fail(STATUS_MEMORY, "no memory for what is told of a sweep");
}

/* ---- what cannot be had at all ---- */

/* The first ensemble where NaN is certain throughout a dataset; -1 for none. */
static long find_empty(const struct sweep *sweep, const struct dataset_rule *rule, const struct absence **reason)
{
    for (long i = 0; i < sweep->ensemble_count; i++)
        if (is_nan_throughout(sweep, rule, i, reason))
            return i;
    return -1;
}

static enum status refuse_empty(struct reader *reader, const struct yaml_node *name, const struct dataset_rule *rule)
{
    const struct sweep *sweep = reader->sweep;
    const struct absence *reason = NULL;
    SCOPED_MEMORY char *places = NULL;
    /* Without identity on its axis the expansion was refused already. */
    if (find_empty(sweep, rule, &reason) < 0 || reason->foreseen == FORESEEN_BY_NOTHING ||
        reason == &absence_other_activation)
        return STATUS_OK;
    TRY(find_places(sweep, rule, reason, &places));
    return mistakes_add(reader->mistakes, &name->place, "measure: %s: %s would be NaN throughout %s: %s; %s",
                        name->text, rule->name, places, reason->text, reason->advice);
}

enum status absences_check(struct reader *reader, const struct yaml_node *measures)
{
    const struct sweep *sweep = reader->sweep;
    /* What could not be read was noted already, and nothing is checked against it. */
    if (reader->folder == NULL || sweep->activation_count == 0 || sweep->hidden_size_count == 0 ||
        sweep->lag_count == 0 || sweep->model.steps == 0 || (sweep->has_anchors && sweep->anchors == NULL))
        return STATUS_OK;
    for (long i = 0; measures != NULL && i < reader_item_count(measures); i++) {
        int number;
        const struct yaml_node *name = measures_name(reader_item_at(measures, i));
        const struct measure *measure = name->kind == YAML_SCALAR ? measure_find(name->text, &number) : NULL;
        if (measure != NULL && sweep->measures & 1u << number)
            TRY(refuse_empty(reader, name, &measure->datasets[measure->essential]));
    }
    return STATUS_OK;
}

/* ---- what is partial ---- */

/* One line for each group of datasets, neighbours in the table, that are NaN at the same places. */
static enum status foresee(const struct sweep *sweep, const struct absence *reason, void (*tell)(const char *text))
{
    char names[512] = "", line[1024];
    SCOPED_MEMORY char *places = NULL;
    for (size_t number = 0;; number++) {
        SCOPED_MEMORY char *next = NULL;
        const struct dataset_rule *rule = measure_dataset_at(sweep->measures, number);
        if (rule != NULL) {
            TRY(find_places(sweep, rule, reason, &next));
            if (next[0] == '\0')
                continue;
        }
        if (places != NULL && (rule == NULL || strcmp(places, next) != 0)) {
            snprintf(line, sizeof line, "%s will be NaN %s: %s", names, places, reason->text);
            tell(line);
            names[0] = '\0';
        }
        if (rule == NULL)
            return STATUS_OK;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", names[0] == '\0' ? "" : ", ", rule->name);
        memory_free(places);
        places = scope_keep(&next);
    }
}

static bool is_among(const struct absence *const *reasons, size_t count, const struct absence *reason)
{
    for (size_t i = 0; i < count; i++)
        if (reasons[i] == reason)
            return true;
    return false;
}

/* The reasons that are foreseen, each once, by what they depend on and then in the order of the table. */
static size_t foreseen_reasons(unsigned measures, const struct absence *reasons[MOST_FORESEEN])
{
    const struct dataset_rule *rule;
    size_t count = 0;
    for (int by = FORESEEN_BY_NOTHING + 1; by <= FORESEEN_BY_LAG; by++)
        for (size_t number = 0; (rule = measure_dataset_at(measures, number)); number++)
            for (int i = 0; i < DATASET_MAX_ABSENCES && rule->absences[i]; i++)
                if ((int)rule->absences[i]->foreseen == by && count < MOST_FORESEEN &&
                    !is_among(reasons, count, rule->absences[i]))
                    reasons[count++] = rule->absences[i];
    return count;
}

enum status sweep_foresee_absences(const struct sweep *sweep, void (*tell)(const char *text))
{
    const struct absence *reasons[MOST_FORESEEN];
    const size_t count = foreseen_reasons(sweep->measures, reasons);
    for (size_t i = 0; i < count; i++)
        TRY(foresee(sweep, reasons[i], tell));
    return STATUS_OK;
}
