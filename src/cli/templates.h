/* The sweep files of jobs/templates/, as texts; the build makes them (templates.cmake). */
#ifndef GRADSWEEP_CLI_TEMPLATES_H
#define GRADSWEEP_CLI_TEMPLATES_H

#include <stddef.h>

struct template
{
    const char *name, *text;
};

extern const struct template templates[];
extern const size_t template_count;

#endif
