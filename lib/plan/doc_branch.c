/* doc_branch.c: what both forms of a pipeline check of branches. */
#include "doc_impl.h"

/* Lists and maps that a file has around a stage of the main line, and around one of a branch beside
 * those around the stage that has it: the list of branches, a case, the branch, the stage. */
enum { TOP_DEPTH = 2, PLAIN_DEPTH = 3, CASES_DEPTH = 4 };

enum cp_branches_form cp_branches_form_of(const struct cp_doc_reader *r, struct cp_slice kind)
{
    return r->kinds->branches_form ? r->kinds->branches_form(kind) : CP_BRANCHES_NONE;
}

bool cp_is_too_deep(const struct cp_doc_reader *r, size_t levels)
{
    return TOP_DEPTH + r->depth + levels >= CP_DOC_MAX_DEPTH;
}

static size_t depth_of(enum cp_branches_form form)
{
    return form == CP_BRANCHES_CASES ? CASES_DEPTH : PLAIN_DEPTH;
}

int cp_branches_enter(struct cp_doc_reader *r, enum cp_branches_form form, struct cp_pos pos)
{
    if (cp_is_too_deep(r, depth_of(form)))
        return cp_diag_error(r->diags, pos,
                             "a file has at most 64 lists and maps in each other, and a branch "
                             "takes three or four of them",
                             "branches in branches, too many levels deep");
    r->depth += depth_of(form);
    return 0;
}

void cp_branches_leave(struct cp_doc_reader *r, enum cp_branches_form form)
{
    r->depth -= depth_of(form);
}

void cp_item_add_branch(struct cp_doc_reader *r, struct cp_item *item, const struct cp_branch *b)
{
    if (b->n == 0)
        return;
    item->branches = cp_heap_grow(r->heap, item->branches, item->n_branches, sizeof(*b));
    item->branches[item->n_branches++] = *b;
}

static const char *place_of_first(struct cp_doc_reader *r, struct cp_pos pos)
{
    size_t line, col;

    cp_pos_line(pos, &line, &col);
    return cp_heap_printf(r->heap, "the first one is in line %zu, column %zu", line, col);
}

/* ---- Cases ---- */

int cp_case_set_name(struct cp_doc_reader *r, const struct cp_item *item, struct cp_branch *b,
                     const struct cp_text *name)
{
    struct cp_slice s = name->s;

    if (cp_slice_is(s, "else"))
        return cp_diag_error(r->diags, name->pos, "the last case may be `else`, which has no name",
                             "else is no name for a case");
    if (s.n == 0 || cp_name_length(s.p, s.n) != s.n)
        return cp_diag_error(r->diags, name->pos, "letters, digits, _ and -, first a letter or _",
                             "this is no name for a case");
    for (size_t i = 0; i < item->n_branches; i++)
        if (cp_slice_equal(item->branches[i].name.s, s))
            return cp_diag_error(r->diags, name->pos, place_of_first(r, item->branches[i].name.pos),
                                 "two cases are named %.*s", CP_SHOW(s));
    b->name = *name;
    return 0;
}

void cp_cases_check(struct cp_doc_reader *r, const struct cp_item *item)
{
    const struct cp_branch *first = NULL;
    bool is_last = true;

    for (size_t i = 0; i < item->n_branches; i++) {
        const struct cp_branch *b = &item->branches[i];
        if (b->is_else && first)
            cp_diag_error(r->diags, b->pos, place_of_first(r, first->pos),
                          "else stands here twice");
        else if (b->is_else)
            first = b;
        else if (first)
            is_last = false;
    }
    if (!is_last)
        cp_diag_error(r->diags, first->pos, "no record gets to the cases behind it",
                      "else is the last case");
}

/* ---- Names of stages ---- */

/* The stages that have a name, in the order written. */
struct named {
    const struct cp_text *v[CP_DOC_MAX_STAGES];
    size_t n;
};

static void check_name(struct cp_doc_reader *r, struct named *all, const struct cp_text *name)
{
    for (size_t i = 0; i < all->n; i++) {
        if (!cp_slice_equal(all->v[i]->s, name->s))
            continue;
        cp_diag_error(r->diags, name->pos, place_of_first(r, all->v[i]->pos),
                      "two stages are named %.*s", CP_SHOW(name->s));
        return;
    }
    all->v[all->n++] = name;
}

static void check_names(struct cp_doc_reader *r, struct named *all, const struct cp_item *items,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (items[i].name.s.n > 0)
            check_name(r, all, &items[i].name);
        for (size_t k = 0; k < items[i].n_branches; k++)
            check_names(r, all, items[i].branches[k].items, items[i].branches[k].n);
    }
}

void cp_doc_check_names(struct cp_doc_reader *r)
{
    struct named all = {.n = 0};

    check_names(r, &all, r->doc->items, r->doc->n);
}
