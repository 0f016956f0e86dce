/* What network files hold, and whether it fits the sweep. */
#include "sweep/network_files.h"

#include <stdarg.h>
#include <string.h>

enum { MISFIT_TEXT = 512, SHOWN_SIZES = 8 };

static const unsigned all_arrays = (1u << NETWORK_ARRAYS) - 1;
static const unsigned input_arrays = 1u << NETWORK_INPUTS | 1u << NETWORK_INPUT_WEIGHTS;

/* One file: what the sweep says of it, and the shapes that were found. */
struct survey {
    struct reader *reader;
    const struct place *place; /* of its path in the sweep file */
    const char *path;          /* of the key */
    struct network_source *source;
    struct network_shape shapes[NETWORK_ARRAYS]; /* rank 0: not there, or not readable */
    bool is_faulty;                              /* something was noted */
    char contents[MISFIT_TEXT / 2];              /* of the file, where it has not the array that it must have */
};

/* Notes what does not fit, "key: file: ...". */
__attribute__((format(printf, 2, 3))) static enum status misfit(struct survey *survey, const char *format, ...)
{
    char text[MISFIT_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    survey->is_faulty = true;
    return mistakes_add(survey->reader->mistakes, survey->place, "%s: %s: %s", survey->path, survey->source->path,
                        text);
}

/* Notes the message of a failure, unless it speaks of this process and not of the file. */
static enum status note_failure(struct survey *survey, enum status status)
{
    if (status == STATUS_OK || status == STATUS_MEMORY)
        return status;
    survey->is_faulty = true;
    return mistakes_add(survey->reader->mistakes, survey->place, "%s: %s", survey->path, status_message());
}

static enum status compare_fingerprint(struct survey *survey, enum network_array array, const char *declared,
                                       const char *found)
{
    const char *name = network_array_name(array);
    if (strcmp(declared, found) == 0)
        return STATUS_OK;
    if (found[0] == '\0')
        return misfit(survey, "%s is not there, but content names it", name);
    return misfit(survey,
                  "%s is not the one that content names (its fingerprint is %s); leave content out to take "
                  "what is there",
                  name, found);
}

/* Looks at one array, and puts its fingerprint into the source. */
static enum status survey_array(struct survey *survey, struct network_file *file, enum network_array array,
                                bool is_declared)
{
    char found[NETWORK_FINGERPRINT_TEXT] = "", *declared = survey->source->fingerprints[array];
    struct network_shape shape;
    enum status status = network_file_shape(file, array, &shape);
    if (status == STATUS_OK)
        survey->shapes[array] = shape;
    if (status == STATUS_OK && shape.rank > 0)
        status = network_file_read(file, array, NULL, found);
    if (status != STATUS_OK)
        return note_failure(survey, status);
    if (is_declared)
        TRY(compare_fingerprint(survey, array, declared, found));
    memcpy(declared, found, sizeof found);
    return STATUS_OK;
}

static enum status survey_file(struct survey *survey, unsigned arrays, enum network_array required)
{
    struct network_file *file = NULL;
    bool is_declared = false;
    for (int array = 0; array < NETWORK_ARRAYS; array++)
        is_declared = is_declared || survey->source->fingerprints[array][0] != '\0';
    enum status status = network_file_open(survey->source->path, &file);
    if (status != STATUS_OK)
        return note_failure(survey, status);
    for (int array = 0; array < NETWORK_ARRAYS && status == STATUS_OK; array++)
        if (arrays & 1u << array)
            status = survey_array(survey, file, (enum network_array)array, is_declared);
        else
            survey->source->fingerprints[array][0] = '\0';
    if (status == STATUS_OK && survey->shapes[required].rank == 0)
        network_file_describe(file, required, survey->contents, sizeof survey->contents);
    network_file_close(file);
    return status;
}

/* The size of an array along an axis; 0 where it is not there. */
static long size_of(const struct survey *survey, enum network_array array, int axis)
{
    const struct network_shape *shape = &survey->shapes[array];
    return axis < shape->rank ? shape->sizes[axis] : 0;
}

/* An array that has to be there; where the file or the array is unreadable, that has been said. */
static enum status require_array(struct survey *survey, enum network_array array)
{
    if (survey->shapes[array].rank > 0 || survey->is_faulty)
        return STATUS_OK;
    return misfit(survey, "it holds no dataset %s %s; %s", network_array_name(array), network_array_form(array),
                  survey->contents);
}

static enum status require_hidden_size(struct survey *survey, long hidden_size)
{
    const struct sweep *sweep = survey->reader->sweep;
    if (sweep->hidden_size_count == 0 || (sweep->hidden_size_count == 1 && sweep->hidden_sizes[0] == hidden_size))
        return STATUS_OK;
    char found[MISFIT_TEXT / 2] = "";
    for (long i = 0; i < sweep->hidden_size_count && i < SHOWN_SIZES; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%ld", i == 0 ? "" : ", ",
                 sweep->hidden_sizes[i]);
    return misfit(survey, "W has d = %ld, so grid.hidden_size must be %ld alone, not %s%s", hidden_size, hidden_size,
                  found, sweep->hidden_size_count > SHOWN_SIZES ? ", ..." : "");
}

/* A w_in whose other axis fits says that the file was written column by column, and W would be read transposed. */
static enum status refuse_rows(struct survey *survey, enum network_array array, long hidden_size)
{
    const long rows = size_of(survey, array, 0), columns = size_of(survey, array, 1);
    const long sequences = survey->shapes[array].sequences;
    char shape[MISFIT_TEXT / 8];
    if (sequences > 0)
        snprintf(shape, sizeof shape, "[%ld, %ld]", sequences, rows);
    else
        snprintf(shape, sizeof shape, columns == 0 ? "[%ld]" : "[%ld, %ld]", rows, columns);
    return misfit(survey, "%s has d = %ld, but W has d = %ld: their shapes are %s and [%ld, %ld]%s",
                  network_array_name(array), rows, hidden_size, shape, hidden_size, hidden_size,
                  columns == hidden_size || sequences == hidden_size
                      ? "; programs that keep arrays column by column (Julia, R, Fortran, MATLAB's "
                        "h5write) write each matrix transposed: write the transposes of W and w_in"
                      : "");
}

/* Arrays with one row a unit have as many as W. */
static enum status require_rows(struct survey *survey, long hidden_size)
{
    static const enum network_array arrays[] = { NETWORK_INPUT_WEIGHTS, NETWORK_BIAS, NETWORK_INITIAL_STATE,
                                                 NETWORK_ERROR };
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        long rows = size_of(survey, arrays[i], 0);
        if (rows != 0 && rows != hidden_size)
            TRY(refuse_rows(survey, arrays[i], hidden_size));
    }
    return STATUS_OK;
}

static enum status require_steps(struct survey *survey)
{
    long steps = size_of(survey, NETWORK_INPUTS, 0), wanted = survey->reader->sweep->model.steps;
    if (steps == 0 || steps >= wanted)
        return STATUS_OK;
    return misfit(survey,
                  "inputs has %ld steps, the sweep runs %ld; lower model.steps, model.warmup or the largest "
                  "lag",
                  steps, wanted);
}

/* w_in and inputs of one file, or of the file and the model (`model_input_size`, 0 without inputs), have one m. */
static enum status require_input_size(struct survey *survey, long model_input_size, bool model_has_weights)
{
    long of_weights = size_of(survey, NETWORK_INPUT_WEIGHTS, 1), of_inputs = size_of(survey, NETWORK_INPUTS, 1);
    if (of_weights != 0 && of_inputs != 0 && of_weights != of_inputs)
        return misfit(survey, "inputs has m = %ld, but w_in has m = %ld", of_inputs, of_weights);
    if (of_weights != 0 && of_inputs == 0 && model_input_size != 0 && of_weights != model_input_size)
        return misfit(survey, "w_in has m = %ld, but model.input has m = %ld", of_weights, model_input_size);
    if (of_inputs != 0 && of_weights == 0 && model_has_weights && of_inputs != model_input_size)
        return misfit(survey, "inputs has m = %ld, but the w_in of model.input has m = %ld", of_inputs,
                      model_input_size);
    return STATUS_OK;
}

/* Replica r has sequence r: arrays of several have as many each, and at least one a replica. */
static enum status require_sequences(struct survey *survey, const struct yaml_node *replicas)
{
    const struct sweep *sweep = survey->reader->sweep;
    enum network_array first = NETWORK_ARRAYS;
    for (int array = 0; array < NETWORK_ARRAYS; array++) {
        const long sequences = survey->shapes[array].sequences;
        if (sequences == 0)
            continue;
        if (first == NETWORK_ARRAYS)
            first = (enum network_array)array;
        else if (sequences != survey->shapes[first].sequences)
            return misfit(survey, "%s has R = %ld sequences, but %s has R = %ld", network_array_name(first),
                          survey->shapes[first].sequences, network_array_name((enum network_array)array), sequences);
    }
    if (first == NETWORK_ARRAYS || sweep->replicas <= survey->shapes[first].sequences)
        return STATUS_OK;
    survey->is_faulty = true;
    return mistakes_add(
        survey->reader->mistakes, replicas ? &replicas->place : survey->place,
        "weights.replicas: %ld replicas, but %s of %s has R = %ld sequences, one for each replica; say %ld "
        "or fewer",
        sweep->replicas, network_array_name(first), survey->source->path, survey->shapes[first].sequences,
        survey->shapes[first].sequences);
}

static enum status check_ensemble(struct survey *survey, long model_input_size, bool model_has_weights,
                                  const struct yaml_node *replicas)
{
    TRY(survey_file(survey, all_arrays, NETWORK_WEIGHTS));
    TRY(require_array(survey, NETWORK_WEIGHTS));
    long hidden_size = size_of(survey, NETWORK_WEIGHTS, 0), columns = size_of(survey, NETWORK_WEIGHTS, 1);
    if (hidden_size != columns)
        TRY(misfit(survey, "W is not square: %ld x %ld", hidden_size, columns));
    else if (hidden_size > 0) {
        TRY(require_hidden_size(survey, hidden_size));
        TRY(require_rows(survey, hidden_size));
    }
    TRY(require_sequences(survey, replicas));
    TRY(require_steps(survey));
    return require_input_size(survey, model_input_size, model_has_weights);
}

static enum status check_input(struct survey *survey, const struct yaml_node *replicas)
{
    const struct sweep *sweep = survey->reader->sweep;
    TRY(survey_file(survey, input_arrays, NETWORK_INPUTS));
    TRY(require_array(survey, NETWORK_INPUTS));
    TRY(require_sequences(survey, replicas));
    TRY(require_steps(survey));
    long rows = size_of(survey, NETWORK_INPUT_WEIGHTS, 0);
    for (long i = 0; i < sweep->hidden_size_count && rows != 0; i++)
        if (sweep->hidden_sizes[i] != rows)
            return misfit(survey, "w_in has d = %ld, but grid.hidden_size has %ld; without w_in it is drawn", rows,
                          sweep->hidden_sizes[i]);
    return require_input_size(survey, 0, false);
}

/* Where messages about a file point: at its path. */
static const struct place *place_of(const struct yaml_node *node)
{
    long entry = yaml_find(node, "path");
    return entry < 0 ? &node->place : &node->items[entry]->place;
}

enum status network_files_check(struct reader *reader, const struct network_files_nodes *nodes)
{
    const struct yaml_node *ensembles = nodes->ensembles;
    struct model *model = &reader->sweep->model;
    long model_input_size = model->input == INPUT_NONE ? 0 : model->input_size;
    struct survey of_input = { .reader = reader, .path = "model.input", .source = &model->input_source };
    if (reader->folder == NULL)
        return STATUS_OK;
    if (model->input == INPUT_FILE && model->input_source.path != NULL) {
        of_input.place = place_of(nodes->input);
        TRY(check_input(&of_input, nodes->replicas));
        model_input_size = size_of(&of_input, NETWORK_INPUTS, 1);
    }
    for (long i = 0; i < reader->sweep->ensemble_count; i++) {
        struct network_source *source = &reader->sweep->ensembles[i].source;
        if (source->path == NULL)
            continue;
        const struct yaml_node *node = ensembles->kind == YAML_SEQUENCE ? ensembles->items[i] : ensembles;
        struct survey survey = {
            .reader = reader, .place = place_of(node), .path = "weights.ensemble", .source = source
        };
        TRY(check_ensemble(&survey, model_input_size, size_of(&of_input, NETWORK_INPUT_WEIGHTS, 0) > 0,
                           nodes->replicas));
    }
    return STATUS_OK;
}
