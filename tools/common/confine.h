/* SPDX-License-Identifier: GPL-2.0-only */
/* confine.h - whether, and how far, this process goes into the sandbox (sandbox.h). */
#ifndef CONFINE_H
#define CONFINE_H

#include "sandbox.h"

enum confine_mode {
	CONFINE_AUTO,		/* as far as the host can; says what is missing */
	CONFINE_REQUIRE,	/* or not at all */
	CONFINE_DEBUG,		/* names what is not allowed, instead of ending */
	CONFINE_OFF,
};

/* Takes a MODE of --sandbox; false: it is none. */
bool confine_parse(const char *text, enum confine_mode *ret_mode);

/*
 * Descriptors that this program was started with and that nobody wants by now are closed
 * by confine(): those that are open when this is called last, but for 0 to 2, which are
 * open from then on.
 */
void confine_begin(void);

/*
 * There is a broker, which is told: what it does only for who is trusted it does no more.
 * input: standard input is read; otherwise it becomes /dev/null. A terminal can only be
 * written to by standard output and error. Reports; 0 or an exit status.
 */
int confine(enum confine_mode mode, const struct sandbox *sandbox, bool input);

/* As a word: full, partial, off. */
const char *confine_state(void);

#endif
