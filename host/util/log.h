/* SPDX-License-Identifier: MIT */
/* log.h - one log per process: a level and where lines go. */
#ifndef LOG_H
#define LOG_H

enum log_level {
	LOG_LEVEL_ERR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Gets one line without its newline; any thread, may be called concurrently. */
typedef void log_fn(void *ctx, enum log_level level, const char *line);

/* What is above level is dropped. Default: LOG_LEVEL_WARN. Any time, any thread. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Before other threads log. fn NULL: back to lines on a descriptor. */
void log_set_callback(log_fn *fn, void *ctx);

/* Default: 2. The descriptor stays the caller's; -1 = nowhere. */
void log_set_fd(int fd);

/* Longer lines than about 500 bytes are cut; control characters become '?'. */
void log_msg(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_err(...)	log_msg(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...)	log_msg(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)	log_msg(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	log_msg(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
