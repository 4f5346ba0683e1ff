/* SPDX-License-Identifier: GPL-2.0-only */
/* key_process.h - the key helper as a process: one question, one answer. */
#ifndef KEY_PROCESS_H
#define KEY_PROCESS_H

#include "key_helper.h"

/*
 * Starts the helper with the copy of a header and a key file (or -1), and waits for its
 * answer, which may take as long as somebody types. Returns how many bytes answered,
 * which are not to be believed yet, or -errno: -ENOENT is "not installed".
 */
int key_process_ask(const struct key_request *request, int header, int key_file,
		    struct key_answer *ret_answer);

/* Any thread: nobody is asked any more (-ECANCELED), who is asked now is not waited for. */
void key_process_cancel(void);

#endif
