#include "h5/survey.h"

#include "base/crc32c.h"
#include "base/memory.h"
#include "h5/error.h"
#include "h5/scope.h"

#include <hdf5_hl.h>
#include <string.h>

/* No attribute of ours is near it; a damaged one may claim any size. */
enum { LARGEST_ATTRIBUTE = 64 << 20, NAME_SIZE = 256 };

/* One attribute, opened. */
struct attribute {
    hid_t id, type, space;
    char name[NAME_SIZE];
    size_t count, size; /* elements, and bytes of one in memory */
    hid_t memory_type;
    bool is_text;
};

static void add(struct h5_survey *survey, const void *bytes, size_t count)
{
    survey->checksum = crc32c(survey->checksum, bytes, count);
}

static void add_texts(struct h5_survey *survey, const struct attribute *attribute, const char *values)
{
    const bool is_variable = H5Tis_variable_str(attribute->type) > 0;
    for (size_t i = 0; i < attribute->count; i++) {
        const char *text = values + i * attribute->size;
        if (is_variable)
            memcpy(&text, values + i * attribute->size, sizeof text);
        const size_t length = is_variable ? (text ? strlen(text) : 0) : strnlen(text, attribute->size);
        add(survey, text, length);
        add(survey, "", 1);
    }
}

static enum status add_values(struct h5_survey *survey, const struct attribute *attribute, const void *values)
{
    const H5T_class_t class = H5Tget_class(attribute->type);
    const uint64_t count = attribute->count;
    if (class != H5T_STRING && class != H5T_INTEGER && class != H5T_FLOAT)
        return status_fail(STATUS_FOREIGN_FILE, "it is neither text nor number");
    const uint8_t kind[] = { (uint8_t) class, attribute->is_text ? 0 : (uint8_t)attribute->size,
                             class == H5T_INTEGER ? (uint8_t)H5Tget_sign(attribute->type) : 0 };
    add(survey, attribute->name, strlen(attribute->name) + 1);
    add(survey, kind, sizeof kind);
    add(survey, &count, sizeof count);
    if (attribute->is_text)
        add_texts(survey, attribute, values);
    else
        add(survey, values, count * attribute->size);
    return STATUS_OK;
}

static enum status read_values(struct h5_survey *survey, const struct attribute *attribute)
{
    SCOPED_MEMORY char *values = NULL;
    TRY(memory_allocate(&values, attribute->count * attribute->size + 1, "the values of an attribute"));
    if (H5Aread(attribute->id, attribute->memory_type, values) < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "it cannot be read");
    enum status status = STATUS_OK;
    const enum h5_role role = survey->role_of(attribute->name);
    if (role == ROLE_COUNTS)
        status = add_values(survey, attribute, values);
    else if (role == ROLE_UNKNOWN)
        survey->tell_unknown(attribute->name, survey->context);
    if (H5Dvlen_reclaim(attribute->memory_type, attribute->space, H5P_DEFAULT, values) < 0 && status == STATUS_OK)
        status = h5_fail(STATUS_FOREIGN_FILE, "it cannot be released");
    return status;
}

static enum status look_at(struct attribute *attribute)
{
    attribute->type = H5Aget_type(attribute->id);
    attribute->space = H5Aget_space(attribute->id);
    const hssize_t count = attribute->space < 0 ? -1 : H5Sget_simple_extent_npoints(attribute->space);
    if (attribute->type < 0 || count < 0 || H5Aget_name(attribute->id, NAME_SIZE, attribute->name) < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "it cannot be read");
    attribute->is_text = H5Tget_class(attribute->type) == H5T_STRING;
    attribute->memory_type =
        attribute->is_text ? H5Tcopy(attribute->type) : H5Tget_native_type(attribute->type, H5T_DIR_DEFAULT);
    attribute->size = attribute->memory_type < 0 ? 0 : H5Tget_size(attribute->memory_type);
    attribute->count = (size_t)count;
    if (attribute->size == 0 || attribute->count > LARGEST_ATTRIBUTE / attribute->size)
        return h5_fail(STATUS_FOREIGN_FILE, "its type or size cannot be");
    return STATUS_OK;
}

static void attribute_close(struct attribute *attribute)
{
    h5_leave_scope(&attribute->memory_type);
    h5_leave_scope(&attribute->type);
    h5_leave_scope(&attribute->space);
    h5_leave_scope(&attribute->id);
}
SCOPED_VALUE(attribute, attribute_close)

enum status h5_survey_attributes(hid_t object, struct h5_survey *survey)
{
    H5O_info_t info;
    if (H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS) < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "its attributes cannot be read");
    for (hsize_t i = 0; i < info.num_attrs; i++) {
        SCOPED(attribute)
        attribute = { .id = H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT) };
        if (attribute.id < 0)
            return h5_fail(STATUS_FOREIGN_FILE, "attribute number %d cannot be opened", (int)i);
        TRY(status_prefix(look_at(&attribute), "attribute %.64s", attribute.name));
        TRY(status_prefix(read_values(survey, &attribute), "attribute %.64s", attribute.name));
    }
    return STATUS_OK;
}

struct link_teller {
    void (*tell)(const char *name, void *context);
    void *context;
};

static herr_t tell_link(hid_t group, const char *name, const H5L_info_t *info, void *teller_of_links)
{
    const struct link_teller *teller = teller_of_links;
    (void)group, (void)info;
    teller->tell(name, teller->context);
    return 0;
}

enum status h5_survey_links(hid_t file, const char *group, void (*tell)(const char *name, void *context), void *context)
{
    struct link_teller teller = { tell, context };
    hsize_t place = 0;
    if (H5Literate_by_name(file, group, H5_INDEX_NAME, H5_ITER_INC, &place, tell_link, &teller, H5P_DEFAULT) < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "group %s: what is in it cannot be read", group);
    return STATUS_OK;
}

struct scale_search {
    haddr_t wanted;
    int found, others;
};

static herr_t compare_scale(hid_t dataset, unsigned axis, hid_t scale, void *search_of_scale)
{
    struct scale_search *search = search_of_scale;
    H5O_info_t info;
    (void)dataset, (void)axis;
    if (H5Oget_info2(scale, &info, H5O_INFO_BASIC) >= 0 && info.addr == search->wanted)
        search->found++;
    else
        search->others++;
    return 0;
}

bool h5_survey_has_scale(hid_t dataset, int axis, hid_t scale)
{
    H5O_info_t info;
    struct scale_search search = { 0 };
    bool is_there = H5Oget_info2(scale, &info, H5O_INFO_BASIC) >= 0 && H5DSis_scale(scale) > 0;
    search.wanted = info.addr;
    is_there = is_there && H5DSiterate_scales(dataset, (unsigned)axis, NULL, compare_scale, &search) >= 0;
    H5Eclear2(H5E_DEFAULT);
    return is_there && search.found == 1 && search.others == 0;
}
