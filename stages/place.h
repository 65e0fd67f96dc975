/* place.h: what set, unset and rename change: a key of the record, or what a path leads to inside
 * an object.
 *
 * A path a.b means the key `a.b` in a record that has one, else b in the object a (semantics 29,
 * 42). Which of both is decided record by record, so such a place writes two columns: the key's,
 * and that of the object.
 */
#ifndef CP_STAGES_PLACE_H
#define CP_STAGES_PLACE_H

#include "../lib/stage.h"

struct place {
    const struct cp_path *path;
    struct cp_pos pos;
    struct cp_slice name; /* of the field that is written: the key, or the object's */
    bool is_nested;       /* the rest of the path leads into it */
    int slot;             /* its new column */
    struct cp_ref old;    /* nested: the object before */
    struct cp_slice key;  /* nested: the path as a key */
    bool has_key;         /* some records may have that key */
    struct cp_ref old_key;
    int key_slot;
};

/* Reads a path from the arguments. -1 after a diagnostic: no path, or a name that cannot be
 * changed. */
int place_parse(struct cp_planner *p, struct place *place);

/* Makes the new columns known to the scope, for a stage that fills them with place_set or
 * place_unset. */
void place_write(struct cp_planner *p, struct place *place);
/* For nested places only: the same for removing. */
void place_plan_unset(struct cp_planner *p, struct place *place);
/* Makes room for what place_set and place_unset read; in open. */
void place_prepare(struct cp_stage *s);

/* Fills the new columns for records sel[0..n): values[i] is the value of record i (missing: null).
 * What cannot be done is an error of the record in ev and leaves its old value. CP_EVAL_FULL: to be
 * done again with fewer records. */
enum cp_eval_status place_set(const struct place *place, struct cp_eval *ev, const uint16_t *sel,
                              size_t n, const struct cp_value *values);
/* Fills the new columns of a nested place with what is left without it. */
enum cp_eval_status place_unset(const struct place *place, struct cp_eval *ev, const uint16_t *sel,
                                size_t n);

/* Copies the old values of records sel[0..n): for records that are left as they are. Nested places
 * only. */
void place_leave(const struct place *place, struct cp_eval *ev, const uint16_t *sel, size_t n);

#endif
