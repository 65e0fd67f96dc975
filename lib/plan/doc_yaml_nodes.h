/* doc_yaml_nodes.h: the inside of the YAML reader: from libyaml's events to nodes that know their
 * place to the byte. */
#ifndef CP_PLAN_DOC_YAML_NODES_H
#define CP_PLAN_DOC_YAML_NODES_H

#include <yaml.h>

#include "doc_impl.h"

/* Every node of a YAML file is one of these. */
struct cp_yaml_node {
    struct cp_node node; /* first */
    bool is_plain;       /* a scalar without quotes and not a block */
    bool in_flow;        /* inside [ ] or { } */
    bool is_bad;         /* already reported; its content means nothing */
    size_t end;          /* of the source: behind the scalar */
    size_t weight;       /* nodes in it, itself included, aliases in full */
    size_t bytes;        /* of its texts and keys, counted likewise */
};

static inline const struct cp_yaml_node *cp_yaml_node_of(const struct cp_node *node)
{
    return (const struct cp_yaml_node *)(const void *)node;
}

/* Reads the source from `start` on. *root is NULL for a file without content. -1 after diagnostics
 * when the YAML does not parse; what can be understood and is wrong all the same (duplicate keys,
 * tags …) is only reported. */
int cp_yaml_read_nodes(struct cp_doc_reader *r, size_t start, struct cp_node **root);

/* Says in plain words why libyaml gave up. problem and context are offsets in the source. */
int cp_yaml_explain(struct cp_doc_reader *r, const yaml_parser_t *parser, size_t problem,
                    size_t context);

#endif
