#include "check/check.h"

#include "check/apply.h"

#include <inttypes.h>
#include <math.h>

/* Rules whose datasets were not measured are left out. A dash: no value was there to be tested, or none has a margin.
 */
static void print_rules(const struct results_file *file, const struct check_summary *summary, FILE *out)
{
    const struct sweep *sweep = file->layout.sweep;
    fprintf(out, "\n%-76s %10s %12s %10s %12s\n", "check", "cells", "values", "wrong", "worst margin");
    for (size_t rule = 0; rule < check_rule_count(); rule++) {
        const struct rule_tally *tally = &summary->rules[rule];
        char margin[32] = "-";
        if (!check_applies(sweep, rule) || check_rule_at(rule)->version > file->layout.version)
            continue;
        if (tally->worst_margin < INFINITY)
            snprintf(margin, sizeof margin, "%.3g", tally->worst_margin);
        fprintf(out, "%-76s %10" PRIu64 " %12" PRIu64 " %10" PRIu64 " %12s\n", check_rule_at(rule)->text, tally->cells,
                tally->tested, tally->wrong_cells, margin);
    }
    fputs("worst margin: how far the worst value is within what tolerance and rounding allow; negative: beyond\n", out);
}

/* Why values of a dataset are NaN, "3: this; 5: that". */
static void print_reasons(const struct dataset_rule *rule, const struct check_presence *presence, FILE *out)
{
    const char *separator = "  ";
    for (int reason = 0; reason < DATASET_MAX_ABSENCES; reason++)
        if (presence->absent[reason] > 0) {
            fprintf(out, "%s%s (%" PRIu64 ")", separator, rule->absences[reason]->text, presence->absent[reason]);
            separator = "; ";
        }
    fputc('\n', out);
}

/* Numbers and NaN of the finished cells, for each dataset of doubles. */
static void print_presence(const struct sweep *sweep, const struct check_summary *summary, FILE *out)
{
    const struct dataset_rule *rule;
    fprintf(out, "\n%-26s %12s %12s %12s %12s\n", "values of done cells", "numbers", "NaN", "missing", "unexpected");
    for (size_t number = 0; (rule = measure_dataset_at(sweep->measures, number)); number++) {
        const struct check_presence *presence = &summary->presence[number];
        uint64_t absent = 0;
        if (rule->type != TYPE_FLOAT64)
            continue;
        for (int reason = 0; reason < DATASET_MAX_ABSENCES; reason++)
            absent += presence->absent[reason];
        fprintf(out, "%-26s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64, rule->name, presence->numbers,
                absent, presence->missing, presence->unexpected);
        print_reasons(rule, presence, out);
    }
    fputs("missing: NaN where a number must be; unexpected: a number where NaN must be; both are wrong\n", out);
}

static void print_cells(const struct check_summary *summary, FILE *out)
{
    const struct store_tally *tally = &summary->tally;
    fprintf(out, "cells: %" PRIu64 " done, %" PRIu64 " failed, %" PRIu64 " pending, %" PRIu64 " damaged\n", tally->done,
            tally->failed, tally->pending,
            summary->rules[CHECK_CHECKSUM].wrong + summary->rules[CHECK_RUNTIME_CHECKSUM].wrong);
    char text[FAILURE_TEXT];
    for (int code = 0; code < FAILURE_CODES; code++)
        if (summary->failures[code] > 0 && failure_text((uint8_t)code, text))
            fprintf(out, "  failed: %s %" PRIu64 "\n", text, summary->failures[code]);
}

static void print_verdicts(const struct check_summary *summary, FILE *out)
{
    static const char *const names[CHECK_VERDICTS] = { "not_computed", "holds", "within_rounding", "violated" };
    fprintf(out, "\nbound verdicts (cells x lags):");
    for (int i = 0; i < CHECK_VERDICTS; i++)
        fprintf(out, "%s %s %" PRIu64, i ? "," : "", names[i], summary->verdicts[i]);
    fputc('\n', out);
}

static void print_share(const struct check_agreement *agreement, FILE *out)
{
    char text[64] = "-";
    if (agreement->cells > 0)
        snprintf(text, sizeof text, "%.1f%% of %" PRIu64,
                 100.0 * (double)agreement->agreeing / (double)agreement->cells, agreement->cells);
    fprintf(out, " %24s", text);
}

static void print_agreement(const struct sweep *sweep, const struct check_summary *summary, FILE *out)
{
    fprintf(out, "\n%-24s %24s %24s\n", "growth observed as by", "gamma rho(W) > 1", "gamma ||W||_2 > 1");
    for (long i = 0; i < sweep->activation_count; i++) {
        fprintf(out, "%-24s", sweep->activations[i]->name);
        print_share(&summary->activations[i].by_radius, out);
        print_share(&summary->activations[i].by_norm, out);
        fputc('\n', out);
    }
}

static void print_examples(const struct sweep *sweep, const struct check_summary *summary, FILE *out)
{
    char text[GRID_TEXT];
    if (summary->wrong_cells > 0)
        fprintf(out, "\nwrong cells: %" PRIu64 "%s\n", summary->wrong_cells,
                summary->wrong_cells > CHECK_EXAMPLES ? ", the first of them:" : "");
    for (uint64_t i = 0; i < summary->wrong_cells && i < CHECK_EXAMPLES; i++) {
        fprintf(out, "  %s: %s\n", grid_describe_cell(sweep, summary->examples[i].cell, text),
                check_rule_at(summary->examples[i].rule)->text);
    }
    for (size_t i = 0; i < summary->seal.shown; i++)
        fprintf(out, "%s%s\n", i == 0 ? "\ndamaged, or changed by another program:\n  " : "  ",
                summary->seal.examples[i]);
}

void check_print(const struct results_file *file, const struct check_summary *summary, FILE *out)
{
    const struct sweep *sweep = file->layout.sweep;
    char text[SHARD_TEXT];
    fprintf(out, "%s: %s\n", file->path, sweep->name);
    if (!shard_is_whole(&file->shard)) {
        shard_describe(&file->shard, text);
        fprintf(out, "%s: %" PRIu64 " of %" PRIu64 " cells\n", text, file->own_cells, grid_cell_count(sweep));
    }
    print_cells(summary, out);
    print_presence(sweep, summary, out);
    print_rules(file, summary, out);
    print_verdicts(summary, out);
    print_agreement(sweep, summary, out);
    print_examples(sweep, summary, out);
}
