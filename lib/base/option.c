/* option.c: values of options from text. */
#include "option.h"

#include <assert.h>
#include <string.h>

#include "moment.h"
#include "number.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Splits s at a byte; what is between loses its blanks. Returns false at the end. */
static bool next_part(struct cp_slice *rest, char at, struct cp_slice *part)
{
    if (!rest->p)
        return false;
    const char *stop = rest->n > 0 ? memchr(rest->p, at, rest->n) : NULL;
    *part = (struct cp_slice){rest->p, stop ? (size_t)(stop - rest->p) : rest->n};
    *rest = stop ? (struct cp_slice){stop + 1, rest->n - part->n - 1} : (struct cp_slice){NULL, 0};
    while (part->n > 0 && is_blank(part->p[0]))
        part->p++, part->n--;
    while (part->n > 0 && is_blank(part->p[part->n - 1]))
        part->n--;
    return true;
}

static struct cp_slice slice_copy(struct cp_heap *heap, struct cp_slice s)
{
    return (struct cp_slice){cp_heap_copy(heap, s.p, s.n), s.n};
}

/* Room doubles: there is some for the next power of 2 at each power of 2. */
void cp_list_add(struct cp_list *list, struct cp_slice text, struct cp_heap *heap)
{
    if ((list->n & (list->n - 1)) == 0) {
        struct cp_slice *v = cp_heap_take(heap, (list->n == 0 ? 1 : 2 * list->n) * sizeof *v);
        if (list->n > 0)
            memcpy(v, list->v, list->n * sizeof *v);
        list->v = v;
    }
    list->v[list->n++] = slice_copy(heap, text);
}

static bool set_list(struct cp_list *list, struct cp_slice s, struct cp_heap *heap)
{
    struct cp_slice rest = s, part;

    *list = (struct cp_list){0};
    if (s.n == 0)
        return true;
    while (next_part(&rest, ',', &part)) {
        if (part.n == 0)
            return false;
        cp_list_add(list, part, heap);
    }
    return true;
}

static bool set_count(uint64_t *value, struct cp_slice s)
{
    uint64_t v;

    if (s.n == 0 || s.n > 18 || !cp_digits_parse(s.p, s.n, &v))
        return false;
    *value = v;
    return true;
}

static bool set_bool(bool *value, struct cp_slice s)
{
    if (!cp_slice_is(s, "true") && !cp_slice_is(s, "false"))
        return false;
    *value = cp_slice_is(s, "true");
    return true;
}

/* The index of the word among words that are separated by blanks. */
static bool set_choice(int *value, const char *choices, struct cp_slice s)
{
    struct cp_slice rest = cp_slice_of(choices), one;

    for (int i = 0; next_part(&rest, ' ', &one); i++) {
        if (cp_slice_equal(one, s)) {
            *value = i;
            return true;
        }
    }
    return false;
}

bool cp_option_set(const struct cp_option *o, void *base, struct cp_slice s, struct cp_heap *heap)
{
    void *at = (char *)base + o->offset;

    switch (o->type) {
    case CP_OPT_TEXT:
        *(struct cp_slice *)at = slice_copy(heap, s);
        return true;
    case CP_OPT_BOOL:
        return set_bool(at, s);
    case CP_OPT_COUNT:
        return set_count(at, s);
    case CP_OPT_SIZE:
        return cp_size_parse(s.p, s.n, at);
    case CP_OPT_DURATION:
        return cp_duration_parse(s.p, s.n, at);
    case CP_OPT_CHOICE:
        return set_choice(at, o->choices, s);
    case CP_OPT_LIST:
        return set_list(at, s, heap);
    }
    return false;
}

const struct cp_option *cp_option_find(const struct cp_option *table, struct cp_slice name)
{
    for (const struct cp_option *o = table; o && o->name; o++)
        if (cp_slice_is(name, o->name))
            return o;
    return NULL;
}

void cp_options_init(const struct cp_option *table, void *base, struct cp_heap *heap)
{
    for (const struct cp_option *o = table; o && o->name; o++) {
        bool is_value = !o->fallback || cp_option_set(o, base, cp_slice_of(o->fallback), heap);
        assert(is_value);
        (void)is_value;
    }
}
