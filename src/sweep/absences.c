#include "sweep/absences.h"

#include "gradient/absence.h"
#include "sweep/schema.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_ENTRIES = 8 };

static struct absence_place place_of(const struct sweep *sweep, long ensemble, long activation)
{
    return (struct absence_place){ .ensemble = &sweep->ensembles[ensemble],
                                   .activation = sweep->activations[activation],
                                   .native = sweep->native,
                                   .hidden_size = sweep->hidden_sizes[0],
                                   .lags = sweep->lags,
                                   .lag_count = sweep->lag_count };
}

/* The first time t that a dataset has; the last is T. */
static long first_time(const struct sweep *sweep, const struct dataset_rule *rule)
{
    const bool has_steps = dataset_is_along(rule, ALONG_STEP);
    return has_steps ? sweep->model.steps - sweep->contribution_map_steps + 1 : sweep->model.steps;
}

static bool has_lags(const struct dataset_rule *rule)
{
    return dataset_is_along(rule, ALONG_LAG);
}

/* True if NaN is certain at all times and lags of one ensemble's cells. Times and lags matter by their distance alone,
 * which is longest between the last time and the smallest lag. */
static bool is_nan_throughout(const struct sweep *sweep, const struct dataset_rule *rule, long ensemble,
                              enum absence *reason)
{
    for (long i = 0; i < sweep->activation_count; i++) {
        struct absence_place place = place_of(sweep, ensemble, i);
        place.time = sweep->model.steps;
        place.lag = has_lags(rule) ? sweep->lags[0] : 0;
        if (absence_of_cell(rule, &place, reason) != PRESENCE_NAN &&
            absence_of_value(rule, &place, reason) != PRESENCE_NAN)
            return false;
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

static void list_ensembles(const struct sweep *sweep, const struct dataset_rule *rule, FILE *stream)
{
    struct list list = { stream, 0 };
    (void)rule;
    for (long i = 0; i < sweep->ensemble_count; i++) {
        const struct absence_place place = place_of(sweep, i, 0);
        if (absence_holds(ABSENCE_ERROR_GIVEN, &place) && start_entry(&list, "for the ensemble"))
            fprintf(stream, "\"%s\"", sweep->ensembles[i].label);
    }
}

static void list_activations(const struct sweep *sweep, const struct dataset_rule *rule, FILE *stream)
{
    struct list list = { stream, 0 };
    (void)rule;
    for (long i = 0; i < sweep->activation_count; i++) {
        const struct absence_place place = place_of(sweep, 0, i);
        if (absence_holds(ABSENCE_OTHER_ACTIVATION, &place) && start_entry(&list, "for activation"))
            fputs(sweep->activations[i]->name, stream);
    }
}

static void list_lags(const struct sweep *sweep, const struct dataset_rule *rule, FILE *stream)
{
    struct list list = { stream, 0 };
    const long first = first_time(sweep, rule), last = sweep->model.steps;
    for (long i = 0; i < sweep->lag_count; i++) {
        struct absence_place place = place_of(sweep, 0, 0);
        place.lag = sweep->lags[i];
        place.time = first;
        if (!absence_holds(ABSENCE_BEFORE_START, &place) || !start_entry(&list, "at lag"))
            continue;
        fprintf(stream, "%ld", place.lag);
        if (place.lag < last)
            fprintf(stream, " (t = %ld..%ld)", first, place.lag);
    }
}

/* Where along its axis a foreseen reason holds; nothing is written where it holds nowhere. */
static void (*const list_of_places[ABSENCE_COUNT])(const struct sweep *sweep, const struct dataset_rule *rule,
                                                   FILE *stream) = {
    [ABSENCE_ERROR_GIVEN] = list_ensembles,
    [ABSENCE_OTHER_ACTIVATION] = list_activations,
    [ABSENCE_BEFORE_START] = list_lags,
};

static enum status find_places(const struct sweep *sweep, const struct dataset_rule *rule, enum absence reason,
                               char **text)
{
    size_t length = 0;
    FILE *stream = open_memstream(text, &length);
    if (stream == NULL)
        return status_fail(STATUS_MEMORY, "no memory for what is told of a sweep");
    if (rule->absences & 1u << reason)
        list_of_places[reason](sweep, rule, stream);
    return fclose(stream) == 0 ? STATUS_OK : status_fail(STATUS_MEMORY, "no memory for what is told of a sweep");
}

/* ---- what cannot be had at all ---- */

/* The first ensemble where NaN is certain throughout a dataset; -1 for none. */
static long find_empty(const struct sweep *sweep, const struct dataset_rule *rule, enum absence *reason)
{
    for (long i = 0; i < sweep->ensemble_count; i++)
        if (is_nan_throughout(sweep, rule, i, reason))
            return i;
    return -1;
}

static enum status refuse_empty(struct reader *reader, const struct yaml_node *name, const struct dataset_rule *rule)
{
    const struct sweep *sweep = reader->sweep;
    enum absence reason = ABSENCE_COUNT;
    char *places = NULL;
    /* Without identity on its axis the expansion was refused already. */
    if (find_empty(sweep, rule, &reason) < 0 || list_of_places[reason] == NULL || reason == ABSENCE_OTHER_ACTIVATION)
        return STATUS_OK;
    TRY(find_places(sweep, rule, reason, &places));
    enum status status =
        mistakes_add(reader->mistakes, &name->place, "measure: %s: %s would be NaN throughout %s: %s; %s", name->text,
                     rule->name, places, absence_text(reason), absence_advice(reason));
    free(places);
    return status;
}

enum status absences_check(struct reader *reader, const struct yaml_node *measures)
{
    const struct sweep *sweep = reader->sweep;
    /* What could not be read was noted already, and nothing is checked against it. */
    if (reader->folder == NULL || sweep->activation_count == 0 || sweep->hidden_size_count == 0 ||
        sweep->lag_count == 0 || sweep->model.steps == 0)
        return STATUS_OK;
    for (long i = 0; measures != NULL && i < reader_item_count(measures); i++) {
        enum measure_id id = MEASURE_COUNT;
        const struct yaml_node *name = measures_name(reader_item_at(measures, i));
        const struct measure *measure = name->kind == YAML_SCALAR ? measure_find(name->text, &id) : NULL;
        if (measure != NULL && sweep->measures & 1u << id)
            TRY(refuse_empty(reader, name, &measure->datasets[measure->essential]));
    }
    return STATUS_OK;
}

/* ---- what is partial ---- */

/* One line for each group of datasets, neighbours in the table, that are NaN at the same places. */
static enum status foresee(const struct sweep *sweep, enum absence reason, void (*tell)(const char *text))
{
    char names[512] = "", line[1024], *places = NULL, *next = NULL;
    enum status status = STATUS_OK;
    for (size_t number = 0; status == STATUS_OK; number++) {
        const struct dataset_rule *rule = measure_dataset_at(sweep->measures, number);
        if (rule != NULL) {
            TRY_OR(done, find_places(sweep, rule, reason, &next));
            if (next[0] == '\0') {
                free(next);
                next = NULL;
                continue;
            }
        }
        if (places != NULL && (rule == NULL || strcmp(places, next) != 0)) {
            snprintf(line, sizeof line, "%s will be NaN %s: %s", names, places, absence_text(reason));
            tell(line);
            names[0] = '\0';
        }
        if (rule == NULL)
            break;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", names[0] == '\0' ? "" : ", ", rule->name);
        free(places);
        places = next;
        next = NULL;
    }
done:
    free(places);
    free(next);
    return status;
}

enum status sweep_foresee_absences(const struct sweep *sweep, void (*tell)(const char *text))
{
    for (int reason = 0; reason < ABSENCE_COUNT; reason++)
        if (list_of_places[reason] != NULL)
            TRY(foresee(sweep, (enum absence)reason, tell));
    return STATUS_OK;
}
