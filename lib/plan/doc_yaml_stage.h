/* doc_yaml_stage.h: the inside of the YAML reader: stages, from nodes to items. */
#ifndef CP_PLAN_DOC_YAML_STAGE_H
#define CP_PLAN_DOC_YAML_STAGE_H

#include "doc_yaml_nodes.h"

/* Notes what may have cut this scalar short, for the case that it turns out to be unfinished. */
void cp_yaml_set_trap(struct cp_doc_reader *r, const struct cp_node *node);

/* Whether a key of an item can be its stage. */
bool cp_yaml_is_stage_key(const struct cp_doc_reader *r, struct cp_slice key);

/* Adds the items of a list of stages that are understood; the others leave diagnostics. */
void cp_yaml_read_items(struct cp_doc_reader *r, const struct cp_node *list,
                        struct cp_items *items);

#endif
