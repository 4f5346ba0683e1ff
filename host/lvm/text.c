// SPDX-License-Identifier: GPL-2.0-only
#include "text_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 8u
#define MAX_NODES (1u << 18)

struct parser {
	struct text *t;
	const char *p, *end;
	uint32_t room;
};

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-";

static bool one_of(char c, const char *chars)
{
	return c && strchr(chars, c);
}

/* At the next byte that means something; 0 at the end, which no text has inside. */
static char peek(struct parser *s)
{
	bool comment = false;

	for (; s->p < s->end; s->p++) {
		if (*s->p == '\n')
			comment = false;
		else if (*s->p == '#')
			comment = true;
		if (!comment && !one_of(*s->p, " \t\r\n"))
			return *s->p;
	}
	return 0;
}

static bool take(struct parser *s, char c)
{
	if (peek(s) != c)
		return false;
	s->p++;
	return true;
}

/* 0, or the new node. */
static int new_node(struct parser *s, uint32_t *ret)
{
	struct text *t = s->t;

	if (t->n_nodes == s->room) {
		uint32_t room = s->room ? 2 * s->room : 256;
		struct text_node *nodes;

		if (room > MAX_NODES)
			return -E2BIG;
		nodes = reallocarray(t->nodes, room, sizeof(*nodes));
		if (!nodes)
			return -ENOMEM;
		t->nodes = nodes;
		s->room = room;
	}
	t->nodes[t->n_nodes] = (struct text_node) { 0 };
	*ret = t->n_nodes++;
	return 0;
}

/* Behind the last child, if that is known. */
static void link_node(struct text *t, uint32_t parent, uint32_t *last, uint32_t node)
{
	if (*last)
		t->nodes[*last].next = node;
	else
		t->nodes[parent].child = node;
	*last = node;
}

static int parse_string(struct parser *s, struct text_node *node)
{
	const char *from = ++s->p;

	for (; s->p < s->end && *s->p != '"'; s->p++)
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
	if (s->p >= s->end)
		return -EUCLEAN;
	node->kind = TEXT_STRING;
	node->string = from;
	node->string_len = s->p++ - from;
	return 0;
}

static int parse_number(struct parser *s, struct text_node *node)
{
	bool minus = take(s, '-');
	int64_t n = 0;
	const char *from = s->p;

	for (; s->p < s->end && one_of(*s->p, "0123456789"); s->p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *s->p - '0', &n))
			return -EUCLEAN;
	if (s->p == from || (s->p < s->end && one_of(*s->p, name_chars)))
		return -EUCLEAN;
	node->kind = TEXT_NUMBER;
	node->number = minus ? -n : n;
	return 0;
}

static int parse_scalar(struct parser *s, struct text_node *node)
{
	return peek(s) == '"' ? parse_string(s, node) : parse_number(s, node);
}

static int parse_array(struct parser *s, uint32_t array)
{
	uint32_t node, last = 0;
	int err;

	s->t->nodes[array].kind = TEXT_ARRAY;
	s->p++;
	while (!take(s, ']')) {
		err = new_node(s, &node);
		if (!err)
			err = parse_scalar(s, &s->t->nodes[node]);
		if (err)
			return err;
		link_node(s->t, array, &last, node);
		if (!take(s, ',') && peek(s) != ']')
			return -EUCLEAN;
	}
	return 0;
}

static int parse_name(struct parser *s, struct text_node *node)
{
	peek(s);
	node->name = s->p;
	while (s->p < s->end && one_of(*s->p, name_chars))
		s->p++;
	node->name_len = s->p - node->name;
	return node->name_len ? 0 : -EUCLEAN;
}

static int parse_section(struct parser *s, uint32_t section, unsigned int depth);

static int parse_entry(struct parser *s, uint32_t node, unsigned int depth)
{
	int err = parse_name(s, &s->t->nodes[node]);

	if (err)
		return err;
	if (take(s, '{')) {
		err = depth ? parse_section(s, node, depth - 1) : -E2BIG;
		return err ? err : take(s, '}') ? 0 : -EUCLEAN;
	}
	if (!take(s, '='))
		return -EUCLEAN;
	return peek(s) == '[' ? parse_array(s, node) : parse_scalar(s, &s->t->nodes[node]);
}

/* Up to what cannot be an entry: the end, or a closing brace. */
static int parse_section(struct parser *s, uint32_t section, unsigned int depth)
{
	uint32_t node, last = 0;
	int err = 0;

	while (!err && peek(s) && peek(s) != '}') {
		err = new_node(s, &node);
		if (!err)
			err = parse_entry(s, node, depth);
		if (!err)
			link_node(s->t, section, &last, node);
	}
	return err;
}

int text_parse(struct text *t, const char *bytes, size_t len)
{
	struct parser s = { .t = t, .p = bytes, .end = bytes + len };
	uint32_t root;
	int err;

	*t = (struct text) { 0 };
	err = new_node(&s, &root);
	if (!err)
		err = parse_section(&s, root, MAX_DEPTH);
	return err ? err : s.p == s.end ? 0 : -EUCLEAN;
}

void text_free(struct text *t)
{
	free(t->nodes);
	*t = (struct text) { 0 };
}

static bool equal(const char *text, uint32_t len, const char *string)
{
	return len == strlen(string) && !memcmp(text, string, len);
}

uint32_t text_find(const struct text *t, uint32_t section, const char *name,
		   enum text_kind kind)
{
	uint32_t i;

	for (i = t->nodes[section].child; i; i = t->nodes[i].next)
		if (t->nodes[i].kind == kind &&
		    equal(t->nodes[i].name, t->nodes[i].name_len, name))
			break;
	return i;
}

bool text_number(const struct text *t, uint32_t section, const char *name, uint64_t min,
		 uint64_t max, uint64_t *ret)
{
	uint32_t i = text_find(t, section, name, TEXT_NUMBER);

	if (!i || t->nodes[i].number < 0 || (uint64_t)t->nodes[i].number < min ||
	    (uint64_t)t->nodes[i].number > max)
		return false;
	*ret = t->nodes[i].number;
	return true;
}

bool text_is(const struct text_node *node, const char *string)
{
	return node->kind == TEXT_STRING && equal(node->string, node->string_len, string);
}

bool text_has(const struct text *t, uint32_t section, const char *name, const char *string)
{
	uint32_t i = text_find(t, section, name, TEXT_ARRAY);

	for (i = i ? t->nodes[i].child : 0; i; i = t->nodes[i].next)
		if (text_is(&t->nodes[i], string))
			return true;
	return false;
}
