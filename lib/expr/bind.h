/* bind.h: what binding offers to the functions' prepare. Internal to lib/expr. */
#ifndef CP_EXPR_BIND_H
#define CP_EXPR_BIND_H

#include "node.h"

/* Reports a mistake of a node and returns -1. hint may be NULL. */
int cp_bind_error(struct cp_binder *b, const struct cp_expr *x, const char *hint,
                  const char *message);

/* Compiles the pattern, a regex or a constant text, for x. -1 after a diagnostic. */
int cp_bind_regex(struct cp_binder *b, struct cp_expr *x, const struct cp_expr *pattern);

#endif
