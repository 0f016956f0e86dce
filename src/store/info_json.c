#include "store/info_json.h"

#include "base/json.h"
#include "base/memory.h"
#include "h5/attribute.h"
#include "store/info_facts.h"
#include "store/seal.h"
#include "sweep/grid.h"

static enum status add_attribute(struct json *object, const struct results_file *file, const char *name)
{
    SCOPED_MEMORY char *text = NULL;
    TRY(status_prefix(h5_attribute_read_text(file->file, name, &text), "%s", file->path));
    json_add_text(object, name, text);
    return STATUS_OK;
}

static void add_axis(struct json *axes, const struct sweep *sweep, enum sweep_axis axis)
{
    json_next(axes, axes_rule(axis)->name);
    struct json values = json_start(axes->out, '[');
    for (long i = 0; i < axes_length(sweep, axis); i++) {
        const union axis_value value = axes_value(sweep, axis, i);
        switch (axes_rule(axis)->type) {
        case AXIS_OF_NAMES:
            json_add_text(&values, NULL, value.name);
            break;
        case AXIS_OF_INTEGERS:
            json_add_number(&values, NULL, (double)value.integer);
            break;
        case AXIS_OF_REALS:
            json_add_number(&values, NULL, value.real);
            break;
        }
    }
    fputc(']', axes->out);
}

static void add_axes(struct json *object, const struct sweep *sweep)
{
    json_next(object, "axes");
    struct json axes = json_start(object->out, '{');
    for (enum sweep_axis axis = 0; axis < SWEEP_AXES; axis++)
        if (axes_has(sweep, axis))
            add_axis(&axes, sweep, axis);
    fputc('}', object->out);
}

static void add_failures(struct json *object, const struct info_facts *facts)
{
    char text[FAILURE_TEXT];
    json_next(object, "failures");
    struct json failures = json_start(object->out, '{');
    for (int code = 0; code < FAILURE_CODES; code++)
        if (facts->reasons[code] > 0 && failure_text((uint8_t)code, text))
            json_add_number(&failures, text, (double)facts->reasons[code]);
    fputc('}', object->out);
}

static enum status add_runs(struct json *object, const struct results_file *file, const struct info_facts *facts)
{
    char row[PROVENANCE_CHARACTERS + 1];
    enum row_state state = ROW_FREE;
    json_next(object, "runs");
    struct json runs = json_start(object->out, '[');
    for (uint64_t run = 0; run < facts->runs; run++) {
        TRY(provenance_rows_read(file, run, row, &state));
        json_next(&runs, NULL);
        /* A row of ours is an object, checked by its checksum; what else somebody wrote is a text. */
        if (state != ROW_INTACT)
            fputs("null", object->out);
        else if (row[0] == '{')
            fputs(row, object->out);
        else
            json_write_text(object->out, row);
    }
    fputc(']', object->out);
    return STATUS_OK;
}

static void add_damage(struct json *object, const struct seal_faults *faults)
{
    json_next(object, "damage");
    struct json damage = json_start(object->out, '[');
    for (size_t i = 0; i < faults->shown; i++)
        json_add_text(&damage, NULL, faults->examples[i]);
    fputc(']', object->out);
}

enum status info_json_write(const struct results_file *file, FILE *out)
{
    struct info_facts facts;
    struct seal_faults faults;
    TRY(info_facts_collect(file, &facts));
    TRY(seal_verify(file, &faults));
    struct json object = json_start(out, '{');
    json_add_text(&object, "path", file->path);
    json_add_text(&object, "title", file->layout.sweep->name);
    TRY(add_attribute(&object, file, "sweep_hash"));
    TRY(add_attribute(&object, file, "git_revision"));
    json_add_number(&object, "format_version", (double)file->layout.version);
    if (!shard_is_whole(&file->shard)) {
        char text[SHARD_TEXT];
        shard_describe(&file->shard, text);
        json_add_text(&object, "shard", text);
    }
    json_add_flag(&object, "is_running", facts.is_running);
    json_add_number(&object, "cells", (double)file->own_cells);
    json_add_number(&object, "done", (double)facts.tally.done);
    json_add_number(&object, "failed", (double)facts.tally.failed);
    json_add_number(&object, "pending", (double)facts.tally.pending);
    json_add_number(&object, "cells_per_second", facts.cells_per_second);
    json_add_number(&object, "seconds_to_go", facts.seconds_to_go);
    json_add_text(&object, "way_on", facts.way_on);
    add_failures(&object, &facts);
    add_axes(&object, file->layout.sweep);
    TRY(add_runs(&object, file, &facts));
    add_damage(&object, &faults);
    fputs("}\n", out);
    return seal_judge(file->path, &faults, STATUS_FOREIGN_FILE);
}
