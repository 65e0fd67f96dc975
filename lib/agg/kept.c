/* kept.c: values that states keep. */
#include "kept.h"

bool kept_set(struct cp_agg_env *env, struct kept *k, const struct cp_value *v)
{
    if (!cp_is_spelled(v)) {
        k->v = *v;
        return true;
    }
    if (v->len > k->cap || !k->bytes) {
        size_t cap = cp_store_piece_size(v->len);
        char *bytes = cp_store_piece(env->store, cap);
        if (!bytes) {
            env->lost++;
            return false;
        }
        cp_store_give(env->store, k->bytes, k->cap);
        k->bytes = bytes;
        k->cap = cap;
    }
    if (v->len > 0)
        memcpy(k->bytes, v->p, v->len);
    k->v = *v;
    k->v.p = k->bytes;
    return true;
}
