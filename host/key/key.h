/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * key.h - the answer of the key helper, which read a hostile header: checked once, and
 * made into tables of the device mapper.
 */
#ifndef KEY_H
#define KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "key_helper.h"

#define KEY_TABLE_SIZE 2048

/*
 * Whether len bytes are an answer that the rest of the program may believe: known
 * status, strings that end, and with KEY_OK nothing that reaches beyond size bytes of
 * device or that means something else in a table.
 */
bool key_answer_valid(const struct key_answer *answer, size_t len, uint64_t size);

/*
 * Parameters of the crypt target over device node. With integrity the node is that of
 * key_table_integrity, and offset 0. Holds the key: to be wiped. -EINVAL: there is no
 * such cipher.
 */
int key_table_crypt(const struct key_answer *answer, const char *node,
		    char ret_table[static KEY_TABLE_SIZE]);

/* Parameters of the integrity target below it; answer->tag_bytes is not 0. */
void key_table_integrity(const struct key_answer *answer, const char *node,
			 char ret_table[static KEY_TABLE_SIZE]);

/* 512-byte sectors of data on a device of size bytes. */
uint64_t key_data_sectors(const struct key_answer *answer, uint64_t size);

#endif
