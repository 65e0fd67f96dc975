/* format.c: looking up a format by name. The table itself is made from the file list when building.
 */
#include "format.h"

const struct cp_shape *cp_shape_for(const struct cp_shape *shape, const struct cp_input *input)
{
    if (shape->n_variants == 0 || input == NULL || input->choice == NULL)
        return shape;
    for (size_t k = 0; k < shape->n_variants; k++)
        if (shape->variants[k]->format == input->choice->format)
            return shape->variants[k];
    return shape;
}

const struct cp_format *cp_format_find(struct cp_slice name)
{
    for (const struct cp_format *const *f = cp_formats; *f; f++)
        if (cp_slice_is(name, (*f)->name))
            return *f;
    return NULL;
}
