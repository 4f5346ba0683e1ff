// SPDX-License-Identifier: GPL-2.0-only
/* The library kernel's log: the newest part of it is kept. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest_i.h"
#include "printable.h"
#include "report.h"

#define LOG_RING	(128u << 10)

static struct {
	pthread_mutex_t lock;	/* protects all; innermost */
	char text[LOG_RING];
	size_t len;		/* ever written */
	int fd;
} klog = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

int guest_log_to(const char *file)
{
	klog.fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (klog.fd < 0)
		return report(REPORT_USAGE, "kernel-log", "%s: %s", file, strerror(errno));
	return 0;
}

void guest_log_piece(void *ctx, const char *text, size_t len)
{
	pthread_mutex_lock(&klog.lock);
	for (size_t i = 0; i < len; i++)
		klog.text[klog.len++ % LOG_RING] = text[i];
	pthread_mutex_unlock(&klog.lock);
	if (klog.fd >= 0 && write(klog.fd, text, len) < 0)
		klog.fd = -1;		/* a full disk must not stop the mount */
	if (guest.config.verbose)
		printable_write(stderr, text, len);
}

char *guest_log(void)
{
	char *copy = malloc(LOG_RING + 1);
	size_t i, from;

	if (!copy)
		return NULL;
	pthread_mutex_lock(&klog.lock);
	from = klog.len > LOG_RING ? klog.len - LOG_RING : 0;
	for (i = from; i < klog.len; i++)
		copy[i - from] = klog.text[i % LOG_RING];
	copy[klog.len - from] = 0;
	pthread_mutex_unlock(&klog.lock);
	return copy;
}

void guest_report_log(const char *word)
{
	char *log = guest_log(), *last = NULL, *line, *rest = log;

	while (log && (line = strsep(&rest, "\n")))
		if (*line && strstr(line, word))
			last = line;
	/* "[    1.234567] " is of no use here. */
	if (last && *last == '[' && strchr(last, ']'))
		last = strchr(last, ']') + 2;
	if (last)
		report_detail("kernel: %s", last);
	free(log);
}
