/* Mistakes in sweep files: each with its place and its words, all in one go. */
#include "sweep_testing.h"

#include <sys/stat.h>
#include <sys/wait.h>

struct mistaken {
    const char *text;
    const char *message; /* "line:column: error: ...", the beginning of what follows "sweep.yaml:" */
};

#define GRID_WITH(entries) \
    "grid: {hidden_size: 4, spectral_radius: 1, lag: 1, " entries "}\n" /* 51 characters before */
#define RADIUS_MISSING "grid: {hidden_size: 4, gamma: 1, lag: 1, "      /* 41 */

/* One mistake each, on a line of its own below a grid that is right, or in the grid. */
static const struct mistaken table[] = {
    /* keys */
    { SMALLEST_GRID "nmae: x\n", "2:1: error: unknown key \"nmae\"; did you mean \"name\"?" },
    { SMALLEST_GRID "modle: {}\n", "2:1: error: unknown key \"modle\"; did you mean \"model\"?" },
    { SMALLEST_GRID "model:\n  activaton: tanh\n",
      "3:3: error: model: unknown key \"activaton\"; did you mean \"activation\"?" },
    { SMALLEST_GRID "gamma: 1\n", "2:1: error: unknown key \"gamma\"; did you mean \"grid.gamma\"?" },
    { SMALLEST_GRID "zzzzzz: 1\n",
      "2:1: error: unknown key \"zzzzzz\"; known: name, seed, measure, weights, model, grid, numerics" },
    { SMALLEST_GRID "seed: 1\nseed: 2\n", "3:1: error: repeated key \"seed\"; it stands on line 2 already" },
    { GRID_WITH("gamma: 1, gamma: 2"), "1:62: error: grid: repeated key \"gamma\"" },
    { SMALLEST_GRID "? [a]\n: b\n", "2:3: error: a key must be a name" },
    { GRID_WITH("gama: 1"), "1:1: error: grid.gamma is missing" },
    { "name: x\n", "1:1: error: grid.hidden_size is missing" },
    { "grid:\n", "1:1: error: grid.hidden_size is missing" },
    { "grid: 3\n", "1:7: error: grid: expected a mapping of keys, found 3" },
    { SMALLEST_GRID "weights: [1]\n", "2:10: error: weights: expected a mapping of keys, found a list" },
    /* the file as a whole */
    { "", "1:1: error: the file is empty" },
    { "# nothing but words\n", "1:1: error: the file is empty" },
    { "- a\n- b\n", "1:1: error: expected keys with values" },
    { "just words\n", "1:1: error: expected keys with values" },
    { SMALLEST_GRID "---\nname: x\n", "3:1: error: a sweep file is one document" },
    { "grid: {a: 1\n", "2:1: error: not YAML: " },
    { SMALLEST_GRID "weights:\n\treplicas: 1\n", "3:1: error: not YAML: tab character" },
    { SMALLEST_GRID "name: \"never ends\n", "2:8: error: not YAML: double-quoted scalar" },
    { SMALLEST_GRID "name: @x\n", "2:7: error: not YAML: plain scalar cannot start with '@'" },
    { SMALLEST_GRID "model:\n  warmup: 1\n steps: 2\n", "4:2: error: not YAML: invalid indentation" },
    { "grid:\n  gamma: [1, 2\n  spectral_radius: 1\n  lag: 1\n",
      "4:6: error: not YAML: missing comma in flow sequence (in the list that opens on line 2)" },
    { "grid:\n  gamma: {start: 1,\n", "3:1: error: not YAML: did not find expected node content (in the mapping that "
                                      "opens on line 2)" },
    { SMALLEST_GRID "name: a\x07z\n", "2:8: error: the control character U+0007 cannot stand in YAML" },
    { SMALLEST_GRID "# a\xC2\x85seed: 1\n", "2:4: error: U+0085 ends a line for readers of YAML 1.1 and not for" },
    { SMALLEST_GRID "name: \"a\xE2\x80\xA8z\"\n", "2:9: error: U+2028 ends a line" },
    { SMALLEST_GRID "name: \xEF\xBF\xBE\n", "2:7: error: U+FFFE is no character" },
    { SMALLEST_GRID "name: caf\xe9\n",
      "2:10: error: byte 0xe9 is no UTF-8 text; if the file is Windows-1252 or Latin-1: "
      "iconv -f WINDOWS-1252 -t UTF-8" },
    { "\x89HDF\r\n\x1a\n", "1:1: error: this is an HDF5 file (is it the results file?), and no sweep file" },
    { "PK\x03\x04", "1:1: error: this is a zip archive" },
    /* characters that look like others */
    { "grid:\n  hidden_size:\u00a016\n  lag: 4\n",
      "2:15: error: U+00A0 stands here, a no-break space, which YAML takes "
      "for a letter; type a plain blank instead" },
    { "grid:\n\u00a0 lag: 4\n", "2:1: error: U+00A0 stands here, a no-break space" },
    { GRID_WITH("gamma: \u20131"),
      "1:59: error: U+2013 stands here, a typographic dash, which YAML takes for a letter; "
      "type - instead" },
    { GRID_WITH("gamma: \u22121"), "1:59: error: U+2212 stands here, a typographic minus sign" },
    { SMALLEST_GRID "model: {activation: \u201ctanh\u201d}\n", "2:21: error: U+201C stands here, a typographic quote" },
    { SMALLEST_GRID "seed\uff1a 3\n",
      "2:5: error: U+FF1A stands here, a full-width form, which YAML takes for a letter; "
      "type : instead" },
    { SMALLEST_GRID "name: \xff\n", "2:7: error: byte 0xff is no UTF-8 text" },
    { SMALLEST_GRID "name: !!str x\n", "2:13: error: a sweep file has no tags" },
    { SMALLEST_GRID "name: *x\n", "2:8: error: no anchor \"&x\" stands above" },
    { SMALLEST_GRID "*x : 1\n", "2:2: error: no anchor \"&x\" stands above" },
    { SMALLEST_GRID "weights: {ensemble: &x ginibre, replicas: &x 2}\n",
      "2:46: error: repeated anchor \"&x\"; it stands on line 2 already" },
    { SMALLEST_GRID "model: {loss: {<<: linear}}\n", "2:20: error: \"<<\" merges a mapping or a list of mappings" },
    { SMALLEST_GRID "model: {loss: {<<: [{kind: linear}, 3]}}\n", "2:37: error: \"<<\" merges a mapping" },
    { SMALLEST_GRID "model: {loss: &l {<<: *l}}\n", "2:24: error: \"*l\" stands inside itself" },
    { SMALLEST_GRID "model: {loss: {<<: *l}}\n", "2:21: error: no anchor \"&l\" stands above" },
    { SMALLEST_GRID "model: {loss: {<<: {kind: linear}, <<: {}}}\n",
      "2:36: error: model.loss of kind linear: unknown key \"<<\"" },
    { SMALLEST_GRID "model: {loss: {\"<<\": {kind: linear}}}\n", "2:15: error: model.loss: kind is missing" },
    { "grid: &x [*x]\n", "1:12: error: \"*x\" stands inside itself" },
    { "grid: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", "1:38: error: nested more than 32 levels deep" },
    /* types and ranges */
    { SMALLEST_GRID "seed: -1\n", "2:7: error: seed: expected an integer from 0 to 18446744073709551615, found -1" },
    { SMALLEST_GRID "seed: 18446744073709551616\n", "2:7: error: seed: expected an integer" },
    { SMALLEST_GRID "seed: 1.5\n", "2:7: error: seed: expected an integer" },
    { SMALLEST_GRID "name: [x]\n", "2:7: error: name: expected a text, found a list" },
    { SMALLEST_GRID "name:\n", "2:5: error: name: expected a text, found nothing" },
    { SMALLEST_GRID "weights: {replicas: 0}\n",
      "2:21: error: weights.replicas: expected an integer from 1 to 100000, found 0" },
    { SMALLEST_GRID "weights: {replicas: 1.5}\n", "2:21: error: weights.replicas: expected an integer" },
    { SMALLEST_GRID "weights: {replicas: \"2\"}\n", "2:21: error: weights.replicas: expected an integer from 1 to "
                                                    "100000, found the text \"2\" (without quotes it is a "
                                                    "number)" },
    { SMALLEST_GRID "weights: {replicas: {a: 1}}\n",
      "2:21: error: weights.replicas: expected an integer from 1 to 100000, found a mapping" },
    { SMALLEST_GRID "model: {warmup: -1}\n", "2:17: error: model.warmup: expected an integer from 0" },
    { SMALLEST_GRID "model: {steps: soon}\n",
      "2:16: error: model.steps: expected an integer from 1 to 2199023255552, or auto, found soon" },
    { SMALLEST_GRID "model: {steps: 0}\n", "2:16: error: model.steps: expected an integer from 1" },
    { SMALLEST_GRID "numerics: {tolerance: 0}\n",
      "2:23: error: numerics.tolerance: expected a number > 0 and <= 1, found 0" },
    { SMALLEST_GRID "numerics: {tolerance: 1e-10x}\n", "2:23: error: numerics.tolerance: expected a number" },
    { SMALLEST_GRID "numerics: {certify: yes}\n", "2:21: error: numerics.certify: expected true or false, found yes" },
    { SMALLEST_GRID "numerics: {distribute_from: 0}\n",
      "2:29: error: numerics.distribute_from: expected an integer from 1" },
    /* numeric axes */
    { GRID_WITH("gamma: 0"), "1:59: error: grid.gamma: expected a number > 0, found 0" },
    { GRID_WITH("gamma: -1"), "1:59: error: grid.gamma: expected a number > 0, found -1" },
    { GRID_WITH("gamma: nan"), "1:59: error: grid.gamma: expected a number > 0, found nan" },
    { GRID_WITH("gamma: .inf"), "1:59: error: grid.gamma: expected a number > 0, found .inf" },
    { GRID_WITH("gamma: 0x10"), "1:59: error: grid.gamma: expected a number > 0, found 0x10" },
    { SMALLEST_GRID "seed: 010\n",
      "2:7: error: seed: expected an integer from 0 to 18446744073709551615, found 010 (8 in "
      "YAML 1.1, 10 in YAML 1.2: write that which is meant)" },
    { SMALLEST_GRID "model: {steps: 0200}\n",
      "2:16: error: model.steps: expected an integer from 1 to 2199023255552, or "
      "auto, found 0200 (128 in YAML 1.1, 200 in YAML 1.2" },
    { "grid: {hidden_size: [016, 8], spectral_radius: 1, gamma: 1, lag: 1}\n",
      "1:22: error: grid.hidden_size: expected an integer from 1 to 46340 (d^2 must fit the 32-bit indices of LAPACK "
      "and "
      "ScaLAPACK), found 016 (14 in YAML 1.1, 16 in YAML 1.2: write that which is meant)" },
    { GRID_WITH("gamma: 1_000"),
      "1:59: error: grid.gamma: expected a number > 0, found 1_000 (some readers of YAML take "
      "it for 1000: write that if it is meant)" },
    { RADIUS_MISSING "spectral_radius: 010}\n", "1:59: error: grid.spectral_radius: expected a number > 0, a list of "
                                                "them, {start, stop, num}, or native, found 010 "
                                                "(8 in YAML 1.1, 10 in YAML 1.2" },
    { GRID_WITH("gamma: 0x1p4"), "1:59: error: grid.gamma: expected a number > 0, found 0x1p4" },
    { GRID_WITH("gamma: 1.5x"), "1:59: error: grid.gamma: expected a number > 0, found 1.5x" },
    { GRID_WITH("gamma: 1e"), "1:59: error: grid.gamma: expected a number > 0, found 1e" },
    { GRID_WITH("gamma: ."), "1:59: error: grid.gamma: expected a number > 0, found ." },
    { GRID_WITH("gamma: 1e400"), "1:59: error: grid.gamma: expected a number > 0, found 1e400" },
    { GRID_WITH("gamma: 1e-400"), "1:59: error: grid.gamma: expected a number > 0, found 1e-400 (beyond the range" },
    { SMALLEST_GRID "model: {bias: {kind: gaussian, scale: 1e-400}}\n",
      "2:39: error: model.bias.scale: expected a number >= 0, found 1e-400 (beyond the range of double precision)" },
    { GRID_WITH("gamma: []"), "1:59: error: grid.gamma: the list is empty; it takes a number > 0, once or more" },
    { GRID_WITH("gamma: [1, 2, 1.0]"), "1:66: error: grid.gamma: 1 is repeated" },
    { GRID_WITH("gamma: [1, [2]]"), "1:63: error: grid.gamma: expected a number > 0, found a list" },
    { GRID_WITH("gamma: [1, ~]"), "1:63: error: grid.gamma: expected a number > 0, found nothing" },
    { GRID_WITH("gamma: {start: 1, stop: 2}"), "1:59: error: grid.gamma: num is missing" },
    { GRID_WITH("gamma: {start: 1, stop: 2, num: 1}"), "1:59: error: grid.gamma: both ends are included" },
    { GRID_WITH("gamma: {start: 1, stop: 1, num: 2}"), "1:59: error: grid.gamma: value 2 of the axis, 1, is repeated" },
    { GRID_WITH("gamma: {start: 0, stop: 1, num: 2}"),
      "1:67: error: grid.gamma.start: expected a number > 0, found 0" },
    { GRID_WITH("gamma: {start: 1, stop: 2, num: 0}"),
      "1:84: error: grid.gamma.num: expected an integer from 1 to 100000" },
    { GRID_WITH("gamma: {start: 1, stop: 2, num: 3, scale: lg}"),
      "1:94: error: grid.gamma.scale: expected linear or log, found lg" },
    { GRID_WITH("gamma: {start: 1, stop: 2, step: 1}"), "1:59: error: grid.gamma: step is for integer axes" },
    { GRID_WITH("gamma: {log2: 4}"), "1:60: error: grid.gamma: unknown key \"log2\"" },
    { GRID_WITH("gamma: native"), "1:59: error: grid.gamma: expected a number > 0, found native" },
    { RADIUS_MISSING "spectral_radius: natve}\n",
      "1:59: error: grid.spectral_radius: expected a number > 0, a list of them" },
    { RADIUS_MISSING "spectral_radius: [native]}\n",
      "1:60: error: grid.spectral_radius: expected a number > 0, found native" },
    { "grid: {spectral_radius: 1, gamma: 1, lag: 1, hidden_size: 46341}\n",
      "1:59: error: grid.hidden_size: expected an integer from 1 to 46340 (d^2 must fit the 32-bit indices of "
      "LAPACK and ScaLAPACK)" },
    { "grid: {spectral_radius: 1, gamma: 1, lag: 1, hidden_size: 2.5}\n",
      "1:59: error: grid.hidden_size: expected an integer" },
    { "grid: {spectral_radius: 1, gamma: 1, lag: 1, hidden_size: {start: 1, stop: 2, num: 3}}\n",
      "1:59: error: grid.hidden_size: expected an integer from 1 to 46340 (d^2 must fit the 32-bit indices of LAPACK "
      "and ScaLAPACK), "
      "but value 2 of the axis is 1.5" },
    { "grid: {spectral_radius: 1, gamma: 1, lag: 1, hidden_size: {start: 3, stop: 2, step: 1}}\n",
      "1:59: error: grid.hidden_size: empty, since start 3 exceeds stop 2" },
    { "grid: {spectral_radius: 1, gamma: 1, hidden_size: 1, lag: 0}\n",
      "1:59: error: grid.lag: expected an integer from 1" },
    { "grid: {spectral_radius: 1, gamma: 1, hidden_size: 1, lag: {log2: 100}}\n",
      "1:66: error: grid.lag.log2: 100 is not a power of two; the nearest are 64 and 128" },
    { "grid: {spectral_radius: 1, gamma: 1, hidden_size: 1, lag: {start: 1, stop: 200000, step: 1}}\n",
      "1:59: error: grid.lag: an axis holds at most 100000 values" },
    /* names and kinds */
    { SMALLEST_GRID "model: {activation: tahn}\n",
      "2:21: error: model.activation: unknown activation \"tahn\"; did you mean \"tanh\"?" },
    { SMALLEST_GRID "model: {activation: [tanh, relu, tanh]}\n", "2:34: error: model.activation: tanh is repeated" },
    { SMALLEST_GRID "model: {activation: []}\n", "2:21: error: model.activation: the list is empty" },
    { SMALLEST_GRID "model: {activation: {kind: tanh}}\n",
      "2:21: error: model.activation: expected a name or a list of names, found a mapping" },
    { SMALLEST_GRID "model: {input: gausian}\n",
      "2:16: error: model.input: unknown kind \"gausian\"; did you mean \"gaussian\"?" },
    { SMALLEST_GRID "model: {input: {size: 3}}\n", "2:16: error: model.input: kind is missing" },
    { SMALLEST_GRID "model: {input: {kind: sine, perod: 3}}\n",
      "2:29: error: model.input of kind sine: unknown key \"perod\"; did you mean \"period\"?" },
    { SMALLEST_GRID "model: {input: {kind: sine, period: 0}}\n",
      "2:37: error: model.input.period: expected a number > 0, found 0" },
    { SMALLEST_GRID "model: {input: {kind: none, scale: 1}}\n",
      "2:29: error: model.input of kind none: unknown key \"scale\"; known: kind" },
    { SMALLEST_GRID "model: {bias: {kind: gaussian, scale: -1}}\n",
      "2:39: error: model.bias.scale: expected a number >= 0, found -1" },
    { SMALLEST_GRID "model: {loss: {kind: cross_entropy, classes: 1}}\n",
      "2:46: error: model.loss.classes: expected an integer from 2" },
    { SMALLEST_GRID "weights: {ensemble: ginbre}\n",
      "2:21: error: weights.ensemble: unknown kind \"ginbre\"; did you mean \"ginibre\"?" },
    { SMALLEST_GRID "weights: {ensemble: []}\n", "2:21: error: weights.ensemble: the list is empty" },
    { SMALLEST_GRID "weights: {ensemble: [ginibre, ginibre]}\n",
      "2:31: error: weights.ensemble: two entries are called \"ginibre\"" },
    { SMALLEST_GRID "weights: {ensemble: [{kind: sparse, label: ginibre}, ginibre]}\n",
      "2:54: error: weights.ensemble: two entries are called \"ginibre\"" },
    { SMALLEST_GRID "weights: {ensemble: {kind: sparse, density: 0}}\n",
      "2:45: error: weights.ensemble.density: expected a number > 0 and <= 1, found 0" },
    { SMALLEST_GRID "weights: {ensemble: {kind: sparse, label: \"\"}}\n",
      "2:43: error: weights.ensemble: expected a text for the label" },
    { SMALLEST_GRID "measure: jacobian_nrm\n",
      "2:10: error: measure: unknown measure \"jacobian_nrm\"; did you mean \"jacobian_norm\"?" },
    { SMALLEST_GRID "measure: [frobenius_norm, frobenius_norm]\n", "2:27: error: measure: frobenius_norm is repeated" },
    { SMALLEST_GRID "measure: [{frobenius_norm: {a: 1}}]\n", "2:12: error: measure: frobenius_norm has no parameters" },
    /* network files: what they hold is tested with the command */
    { SMALLEST_GRID "model: {input: {kind: file, path: x}}\n", "2:35: error: model.input: /tmp/gradsweep-test-" },
    { SMALLEST_GRID "weights: {ensemble: [{kind: file, path: x}]}\n",
      "2:41: error: weights.ensemble: /tmp/gradsweep-test-" },
    { SMALLEST_GRID "model: {input: {kind: file}}\n",
      "2:16: error: model.input: path is missing: {kind: file, path: ...}" },
    { SMALLEST_GRID "weights: {ensemble: file}\n", "2:21: error: weights.ensemble: path is missing" },
    { SMALLEST_GRID "weights: {ensemble: {kind: file, path: }}\n",
      "2:38: error: weights.ensemble: expected the path of an HDF5 file, found nothing" },
    { SMALLEST_GRID "weights: {ensemble: {kind: file, path: x, pth: y}}\n",
      "2:43: error: weights.ensemble of kind file: unknown key \"pth\"; did you mean \"path\"?" },
    { SMALLEST_GRID "weights: {ensemble: {kind: file, path: x, content: {W: 12}}}\n",
      "2:56: error: weights.ensemble: expected 32 hexadecimal digits, found 12" },
    /* exponents */
    { SMALLEST_GRID "measure: [{lyapunov: {count: 5}}]\n", "2:12: error: measure.lyapunov.count: 5 exponents are more "
                                                           "than the 4 of hidden_size 4; ask for at most so many, or "
                                                           "leave count out for all" },
    { SMALLEST_GRID "measure: [{lyapunov: {count: 0}}]\n",
      "2:30: error: measure.lyapunov.count: expected an integer from 1 to 1099511627776, found 0" },
    { SMALLEST_GRID "model: {steps: 399}\nmeasure: [{lyapunov: {transient: 100, steps: 300}}]\n",
      "3:12: error: measure.lyapunov: transient 100 and steps 300 are more than the 399 steps of the trajectory; ask "
      "for "
      "fewer, or raise model.steps" },
    { SMALLEST_GRID "measure: [{lyapunov: {two_sided: 1}}]\n",
      "2:34: error: measure.lyapunov.two_sided: expected true or false, found 1" },
    { SMALLEST_GRID "measure: lyapunov\nnumerics: {certify: true}\n",
      "2:10: error: measure: lyapunov cannot be had with numerics.certify, whose proofs its values are not part of; "
      "leave "
      "one of the two out" },
    { SMALLEST_GRID "measure: lyapunov\nmodel: {activation: [tanh, identity]}\nnumerics: {distribute_from: 4}\n",
      "2:10: error: measure: lyapunov of identity comes from the eigenvalues of W, which one rank finds alone, but "
      "hidden_size 4 reaches numerics.distribute_from, 4; raise that to 5 or more, or leave identity out" },
    /* values that do not go together */
    { SMALLEST_GRID "numerics: {certify: true, distribute_from: 4}\n",
      "2:21: error: numerics.certify: verdicts are proven on one rank alone, but hidden_size 4 reaches "
      "numerics.distribute_from, 4; raise that to 5 or more, or leave certify out" },
    { "grid: {hidden_size: 4, spectral_radius: 1, gamma: 1, lag: [3, 200]}\nmodel: {steps: 199}\n",
      "2:16: error: model.steps: 199 is below the largest lag, 200" },
    { SMALLEST_GRID "weights:\n  ensemble: [ginibre, {kind: chain, label: line}]\n",
      "3:23: error: weights.ensemble: the spectral radius of \"line\" is 0 for hidden_size 4 and cannot be rescaled; "
      "use spectral_radius: native" },
    { "grid: {hidden_size: [1, 2], spectral_radius: 1, gamma: 1, lag: 1}\nweights: {ensemble: antisymmetric}\n",
      "2:21: error: weights.ensemble: the spectral radius of \"antisymmetric\" is 0 for hidden_size 1" },
    { "grid:\n"
      "  hidden_size: {start: 1, stop: 46000, step: 1}\n"
      "  spectral_radius: {start: 1, stop: 2, num: 100000}\n"
      "  gamma: {start: 1, stop: 2, num: 100000}\n"
      "  lag: {start: 1, stop: 100000, step: 1}\n",
      "1:1: error: the grid has 4.6e+14 cells with 3e+05 results each" },
};

/* The message is at its place, stands in the status too where nothing is printed, and is followed by the line itself.
 */
static void each_mistake_is_placed_and_named(void **state)
{
    (void)state;
    static char printed[PRINTED_SIZE], expected[PRINTED_SIZE];
    for (size_t row = 0; row < sizeof table / sizeof *table; row++) {
        struct sweep *sweep = NULL;
        size_t length = strlen(table[row].text);
        snprintf(expected, sizeof expected, "sweep.yaml:%s", table[row].message);
        enum status status = open_text(table[row].text, length, 0, NULL, true, printed, &sweep);
        if (status != STATUS_INPUT || strstr(printed, expected) == NULL)
            print_error("for\n%sexpected %s\nprinted %s", table[row].text, expected, printed);
        assert_int_equal(status, STATUS_INPUT);
        assert_non_null(strstr(printed, expected));
        assert_null(sweep);

        assert_int_equal(open_text(table[row].text, length, 0, NULL, false, printed, &sweep), STATUS_INPUT);
        assert_string_equal(printed, "");
        assert_int_equal(strncmp(status_message(), "sweep.yaml:", 11), 0);
        assert_non_null(strstr(status_message(), " mistake"));
    }
}

static void the_line_and_a_caret_follow(void **state)
{
    (void)state;
    static char printed[PRINTED_SIZE];
    struct sweep *sweep = NULL;
    const char *text = SMALLEST_GRID "model:\n  activation: [é,\ttahn]\n";
    assert_int_equal(open_text(text, strlen(text), 0, NULL, true, printed, &sweep), STATUS_INPUT);
    assert_non_null(strstr(printed,
                           "sweep.yaml:3:19: error: model.activation: unknown activation \"tahn\"; did you mean "
                           "\"tanh\"?\n"
                           "  activation: [é,\ttahn]\n"
                           "                 \t^~~~\n"));
    assert_string_equal(status_message(), "sweep.yaml: 2 mistakes");
}

/* A line of 4,000 characters is shown around its mistake, not whole. */
static void long_lines_are_cut(void **state)
{
    (void)state;
    static char printed[PRINTED_SIZE], text[8192] = "grid: {hidden_size: 4, spectral_radius: 1, lag: 1, gamma: [";
    for (int i = 1; i < 600; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), i == 400 ? "4oo, " : "%d, ", i);
    snprintf(text + strlen(text), sizeof text - strlen(text), "600]}\n");
    struct sweep *sweep = NULL;
    assert_int_equal(open_text(text, strlen(text), 0, NULL, true, printed, &sweep), STATUS_INPUT);
    char *shown = strchr(printed, '\n') + 1, *caret = strchr(shown, '\n') + 1;
    assert_true(caret - shown < 130);
    assert_memory_equal(shown + strcspn(caret, "^"), "4oo,", 4);
    assert_memory_equal(caret + strcspn(caret, "^"), "^~~\n", 4);
}

static void all_mistakes_come_in_one_go_and_in_order(void **state)
{
    (void)state;
    static char printed[PRINTED_SIZE];
    struct sweep *sweep = NULL;
    const char *text = "seed: x\n"
                       "weights: {replicas: 0, ensemble: [ginibre, foo, {kind: sparse, density: 7}]}\n"
                       "grid:\n"
                       "  gamma: [1, y, z]\n"
                       "  hidden_size: 0\n"
                       "  spectral_radius: 1\n"
                       "unknown: 1\n";
    static const char *const places[] = { "sweep.yaml:1:7:",  "sweep.yaml:2:21:", "sweep.yaml:2:44:",
                                          "sweep.yaml:2:73:", "sweep.yaml:3:1:",  "sweep.yaml:4:14:",
                                          "sweep.yaml:4:17:", "sweep.yaml:5:16:", "sweep.yaml:7:1:" };
    assert_int_equal(open_text(text, strlen(text), 0, NULL, true, printed, &sweep), STATUS_INPUT);
    const char *at = printed;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        at = strstr(at, places[i]);
        assert_non_null(at);
    }
    assert_string_equal(status_message(), "sweep.yaml: 9 mistakes");
    assert_int_equal(open_text(text, strlen(text), 0, NULL, false, printed, &sweep), STATUS_INPUT);
    assert_string_equal(status_message(), "sweep.yaml:1:7: error: seed: expected an integer from 0 to "
                                          "18446744073709551615, found x (9 mistakes)");
}

/* Longer than the first read; beyond 16 MiB nobody wrote it by hand. */
static void long_files_are_read_whole_and_huge_ones_refused(void **state)
{
    (void)state;
    enum { LENGTH = (16 << 20) + 1 };
    static char printed[PRINTED_SIZE];
    struct sweep *sweep = NULL;
    char *text = malloc(LENGTH);
    assert_non_null(text);
    memset(text, '#', LENGTH);
    const char *end = "\n" SMALLEST_GRID;
    memcpy(text + (1 << 20), end, strlen(end));
    assert_int_equal(open_text(text, (1 << 20) + strlen(end), 0, NULL, true, printed, &sweep), STATUS_OK);
    sweep_close(sweep);
    assert_int_equal(open_text(text, LENGTH, 0, NULL, true, printed, &sweep), STATUS_INPUT);
    assert_string_equal(status_message(),
                        "cannot read the sweep file sweep.yaml: it has more than 16 MiB, so it is no sweep "
                        "file");
    free(text);
}

static void unreadable_files_are_named_with_the_cause(void **state)
{
    (void)state;
    struct sweep *sweep = NULL;
    assert_int_equal(sweep_open("/nonexistent/s.yaml", 0, NULL, false, &sweep), STATUS_INPUT);
    assert_string_equal(status_message(), "cannot read the sweep file /nonexistent/s.yaml: No such file or directory");
    assert_int_equal(sweep_open("/tmp", 0, NULL, false, &sweep), STATUS_INPUT);
    assert_string_equal(status_message(), "cannot read the sweep file /tmp: Is a directory");
    static char folder[] = "/tmp/gradsweep-test-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(sweep_open(path, 0, NULL, false, &sweep), STATUS_INPUT); /* nobody writes: it does not wait */
    assert_non_null(strstr(status_message(), "/pipe: it is a pipe that no program writes to"));
    unlink(path);
    rmdir(folder);
    assert_null(sweep);
}

/* As `gradsweep run <(make_sweep)` gives it, and late. */
static void pipes_are_read_to_their_end(void **state)
{
    (void)state;
    static const char *const pieces[] = { "grid: {hidden_size: 4, spectral_radius: 1,", " gamma: 1, lag: 7}\n" };
    struct sweep *sweep = NULL;
    int ends[2];
    char path[32];
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    pid_t writer = fork();
    if (writer == 0) {
        close(ends[0]);
        for (size_t i = 0; i < 2; i++) {
            usleep(100000);
            if (write(ends[1], pieces[i], strlen(pieces[i])) < 0)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    assert_int_equal(sweep_open(path, 0, NULL, false, &sweep), STATUS_OK);
    assert_int_equal(sweep->lags[0], 7);
    sweep_close(sweep);
    close(ends[0]);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_placed_and_named),
        cmocka_unit_test(the_line_and_a_caret_follow),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(all_mistakes_come_in_one_go_and_in_order),
        cmocka_unit_test(long_files_are_read_whole_and_huge_ones_refused),
        cmocka_unit_test(unreadable_files_are_named_with_the_cause),
        cmocka_unit_test(pipes_are_read_to_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
