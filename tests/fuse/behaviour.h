/* SPDX-License-Identifier: GPL-2.0-only */
/* behaviour.h - what the parts of fs-behaviour share. */
#ifndef BEHAVIOUR_H
#define BEHAVIOUR_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What the filesystem under test cannot do; options of the command. */
extern struct behaviour_opt {
	bool no_hardlinks, no_xattr, no_symlinks, no_owners, no_holes, no_special;
	bool no_exchange, no_collapse, coarse_times, ignores_case, readonly, fill;
	bool whole_names;	/* names are UTF-8 of at most 255 UTF-16 units */
	unsigned int seconds;	/* of each stress test */
} opt;

/* Each runs in a process of its own, in an empty folder; returning is success. */
struct behaviour {
	const char *name;
	void (*run)(void);
};

extern const struct behaviour names_tests[], data_tests[], attr_tests[], dir_tests[],
	stress_tests[];

void fail(const char *file, int line, const char *what)
	__attribute__((noreturn));
void skip(const char *why) __attribute__((noreturn));

#define CHECK(cond) ((cond) ? (void)0 : fail(__FILE__, __LINE__, #cond))
/* The call fails, with this errno. */
#define CHECK_ERR(call, err) do {					\
	errno = 0;							\
	CHECK((call) < 0);						\
	CHECK(errno == (err));						\
} while (0)

int make(const char *path);			/* a new empty file, open */
void make_text(const char *path, const char *text);
bool has_text(const char *path, const char *text);
struct stat stat_of(const char *path);		/* of the link itself */
bool exists(const char *path);
void await_child(pid_t pid);			/* must have ended well */
void fill_random(void *buf, size_t size, unsigned int seed);
void remove_tree(const char *path);
void nap_ms(unsigned int ms);

#endif
