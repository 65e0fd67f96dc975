/* format.c: looking up a format by name. The table itself is made from the file list when building.
 */
#include "format.h"

const struct cp_format *cp_format_find(struct cp_slice name)
{
    for (const struct cp_format *const *f = cp_formats; *f; f++)
        if (cp_slice_is(name, (*f)->name))
            return *f;
    return NULL;
}
