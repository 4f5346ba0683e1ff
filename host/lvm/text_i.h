/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text_i.h - LVM2's configuration text as a tree. Nodes are indexes into one array; 0,
 * the root, stands for none.
 */
#ifndef TEXT_I_H
#define TEXT_I_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum text_kind { TEXT_SECTION, TEXT_NUMBER, TEXT_STRING, TEXT_ARRAY };

struct text_node {
	enum text_kind kind;
	const char *name, *string;	/* in the text, not terminated; raw */
	uint32_t name_len, string_len;
	int64_t number;
	uint32_t child, next;
};

struct text {
	struct text_node *nodes;
	uint32_t n_nodes;
};

/* The tree refers to the text. -EUCLEAN, -E2BIG, -ENOMEM; text_free in any case. */
int text_parse(struct text *t, const char *bytes, size_t len);
void text_free(struct text *t);

/* The first child of this name and kind, or 0. */
uint32_t text_find(const struct text *t, uint32_t section, const char *name,
		   enum text_kind kind);

/* A number between min and max. */
bool text_number(const struct text *t, uint32_t section, const char *name, uint64_t min,
		 uint64_t max, uint64_t *ret);

/* Whether node is this string. */
bool text_is(const struct text_node *node, const char *string);

/* Whether the section has an array of this name with that string in it. */
bool text_has(const struct text *t, uint32_t section, const char *name, const char *string);

#endif
