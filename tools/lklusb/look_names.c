// SPDX-License-Identifier: GPL-2.0-only
/* Names and paths of what is mounted inside. */
#include "look.h"

#include <fcntl.h>
#include <string.h>
#include <linux/openat2.h>
#include <lkl.h>

long look_path(const struct look *look, const char *path, int flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};

	return LKL_CALL4(SYS_openat2, look->root, *path ? path : ".", &how, sizeof(how));
}

bool look_is_name(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/');
}

long look_parent(const struct look *look, char *path, const char **ret_name)
{
	char *slash, *end = path + strlen(path);

	while (end > path && end[-1] == '/')
		*--end = 0;
	slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	if (!look_is_name(*ret_name)) {
		*ret_name = "";
		return look_path(look, path, O_PATH);
	}
	if (!slash)
		return look_path(look, ".", O_PATH | O_DIRECTORY);
	*slash = 0;
	return look_path(look, path, O_PATH | O_DIRECTORY);
}
