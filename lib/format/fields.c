/* fields.c: from the wants of a plan to the fields of flat records. */
#include "fields.h"

#include "../base/slice.h"

bool cp_path_key(const struct cp_path *path, struct cp_slice *key)
{
    if (path->has_brackets)
        return false;
    *key = path->n == 1 ? path->steps[0].name : path->text;
    return true;
}

static size_t find_name(const struct cp_slice *names, size_t n, const struct cp_path *path)
{
    struct cp_slice key;
    size_t k = 0;

    if (!cp_path_key(path, &key))
        return n;
    while (k < n && !cp_slice_equal(names[k], key))
        k++;
    return k;
}

/* Insertion keeps the order of the fields; wants are few. */
static void insert(struct cp_fields *f, struct cp_field_want want)
{
    size_t k = f->n++;

    for (; k > 0 && f->v[k - 1].field > want.field; k--)
        f->v[k] = f->v[k - 1];
    f->v[k] = want;
}

void cp_fields_open(struct cp_fields *f, const struct cp_wants *wants, const struct cp_slice *names,
                    size_t n, struct cp_heap *heap)
{
    *f = (struct cp_fields){
        .v = cp_heap_take(heap, (wants->n + 1) * sizeof(*f->v)),
        .missing = cp_heap_take(heap, wants->n * sizeof(*f->missing)),
    };
    for (size_t k = 0; k < wants->n; k++) {
        size_t field = find_name(names, n, wants->v[k].path);
        if (field < n)
            insert(f, (struct cp_field_want){(uint32_t)field, wants->v[k].slot});
        else
            f->missing[f->n_missing++] = wants->v[k].slot;
    }
    f->v[f->n] = (struct cp_field_want){CP_NO_FIELD, CP_NO_SLOT};
}

void cp_fields_open_fixed(struct cp_fields *f, const struct cp_wants *wants,
                          const char *const *names, struct cp_heap *heap)
{
    size_t n = 0;

    while (names[n] != NULL)
        n++;
    struct cp_slice *slices = cp_heap_take(heap, n * sizeof(*slices));
    for (size_t k = 0; k < n; k++)
        slices[k] = cp_slice_of(names[k]);
    cp_fields_open(f, wants, slices, n, heap);
}

bool cp_fields_have(const struct cp_fields *f, uint32_t field)
{
    for (size_t k = 0; k < f->n; k++)
        if (f->v[k].field == field)
            return true;
    return false;
}

int cp_fields_find(const char *const *names, const struct cp_path *path)
{
    struct cp_slice key;

    if (!cp_path_key(path, &key))
        return -1;
    for (int k = 0; names[k] != NULL; k++)
        if (cp_slice_is(key, names[k]))
            return k;
    return -1;
}
