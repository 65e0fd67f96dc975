/* diag_print.h: diagnostics as people read them. For cmd alone: nothing else prints.
 *
 *     nginx.yaml:7:20: error: there is no stage fliter
 *       - fliter: status >= 500
 *         ^~~~~~
 *       hint: did you mean filter?
 */
#ifndef CP_BASE_DIAG_PRINT_H
#define CP_BASE_DIAG_PRINT_H

#include <stdio.h>

#include "err.h"

/* Prints all of them in the order they have (cp_diags_sort). Columns count code points; tabs stay
 * tabs, above the caret too. Nothing of what it prints can drive a terminal: control bytes, marks
 * that turn or hide text, and bytes that are no UTF-8 appear as \xHH or \u{HHHH}. Of a long line
 * only the part around the caret is shown. color: with ANSI colors. */
void cp_diags_print(FILE *out, const struct cp_diags *diags, bool color);

/* Prints n bytes of a text, made harmless as above. Line breaks become \n. */
void cp_print_safe(FILE *out, const char *p, size_t n);

#endif
