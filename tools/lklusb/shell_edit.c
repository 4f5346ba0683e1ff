// SPDX-License-Identifier: GPL-2.0-only
#include "shell_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>
#include <lkl.h>

#include "guest.h"
#include "output.h"
#include "printable.h"
#include "report.h"
#include "stop.h"

#define HISTORY_LINES	500
#define MAX_SHOWN	200u	/* of what can be completed */

/* What a word may become: those names that begin as the word's end does. */
struct matches {
	const char *begin;
	size_t len;		/* of it */
	bool bare;		/* no folder is in front: with a dash it would be an option */
	struct names names;	/* sorted */
	bool folder;		/* the only one is one */
};

static bool is_printable(const char *text)
{
	size_t len = strlen(text), n;
	enum printable_kind kind = PRINTABLE_PLAIN;
	uint32_t c;

	for (; len && kind == PRINTABLE_PLAIN; text += n, len -= n)
		n = printable_char(text, len, &kind, &c);
	return kind == PRINTABLE_PLAIN;
}

/* A name that cannot be shown is not offered: nobody would know what is inserted. */
static int match(void *ctx, const char *name)
{
	struct matches *m = ctx;

	if (strncmp(name, m->begin, m->len) || strlen(name) > NAME_MAX ||
	    !is_printable(name) || (m->bare && *name == '-'))
		return 0;
	return names_add(&m->names, name);
}

static void match_commands(struct matches *m)
{
	for (const struct shell_command *c = shell_commands; c->name; c++)
		match(m, c->name);
}

static void match_files(const struct shell *s, const char *word, struct matches *m)
{
	char path[PATH_MAX], above[PATH_MAX];
	struct statx st = { 0 };
	long dir;

	snprintf(above, sizeof(above), "%.*s", (int)(m->begin - word), word);
	if (s->look.root < 0 || !shell_absolute(s, *above ? above : ".", path))
		return;
	dir = look_path(&s->look, path, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		return;
	guest_names(dir, match, m);
	if (m->names.n == 1)
		LKL_CALL5(SYS_statx, dir, m->names.names[0], 0, STATX_TYPE, &st);
	m->folder = S_ISDIR(st.stx_mode);
	LKL_CALL1(SYS_close, dir);
}

static void match_word(const struct shell *s, const char *word, bool first, struct matches *m)
{
	const char *slash = strrchr(word, '/');

	m->begin = first || !slash ? word : slash + 1;
	m->len = strlen(m->begin);
	m->bare = !slash;
	if (first)
		match_commands(m);
	else
		match_files(s, word, m);
	names_sort(&m->names);
}

/* What all begin with, which is what the first and the last do: whole characters. */
static size_t common(const struct names *list)
{
	const char *a = list->names[0], *b = list->names[list->n - 1];
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	while (n && (a[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* Quoted as the words' library reads it. */
static int insert(EditLine *el, const char *text, size_t len, const char *behind)
{
	char quoted[2 * NAME_MAX + 4], *p = quoted;

	for (; len--; *p++ = *text++)
		if (strchr(" \t\"'\\#", *text))
			*p++ = '\\';
	snprintf(p, 2, "%s", behind);
	return el_insertstr(el, quoted) ? CC_ERROR : CC_REFRESH;
}

static int show(const struct names *list)
{
	putchar('\n');
	for (size_t i = 0; i < list->n && i < MAX_SHOWN; i++)
		output_row("%s", list->names[i]);
	if (list->n > MAX_SHOWN)
		printf("... %zu more\n", list->n - MAX_SHOWN);
	return CC_REDISPLAY;
}

static int complete_word(EditLine *el, const struct matches *m)
{
	const struct names *list = &m->names;
	size_t len = list->n ? common(list) : 0;

	if (!list->n)
		return CC_ERROR;
	if (list->n == 1)
		return insert(el, list->names[0] + m->len, len - m->len, m->folder ? "/" : " ");
	if (len > m->len)
		return insert(el, list->names[0] + m->len, len - m->len, "");
	return show(list);
}

/* What is in front of the cursor, without an open quote. */
static unsigned char complete(EditLine *el, int key)
{
	const LineInfo *line = el_line(el);
	LineInfo before = { line->buffer, line->cursor, line->cursor };
	Tokenizer *words = tok_init(NULL);
	struct matches m = { 0 };
	unsigned char ret = CC_ERROR;
	const char **argv;
	struct shell *s;
	int argc, at, offset;

	el_get(el, EL_CLIENTDATA, &s);
	if (words && !tok_line(words, &before, &argc, &argv, &at, &offset)) {
		match_word(s, at < argc ? argv[at] : "", at == 0, &m);
		ret = complete_word(el, &m);
	}
	names_free(&m.names);
	tok_end(words);
	return ret;
}

/* The library's own reads on after a signal. Bytes until they are a character. */
static int get_char(EditLine *el, wchar_t *ret)
{
	mbstate_t state = { 0 };
	size_t len = -2;
	int ready;
	char c;

	while (len == (size_t)-2) {
		ready = stop_wait(STDIN_FILENO);
		if (ready == -EINTR) {
			el_set(el, EL_REFRESH);		/* of another size, or continued */
			continue;
		}
		if (ready <= 0 || read(STDIN_FILENO, &c, 1) <= 0)
			return ready > 0 ? 0 : -1;
		len = mbrtowc(ret, &c, 1, &state);
	}
	if (len == (size_t)-1)
		*ret = '?';
	return 1;
}

static char *prompt(EditLine *el)
{
	static char text[128];
	struct shell *s;

	el_get(el, EL_CLIENTDATA, &s);
	snprintf(text, sizeof(text), "lklusb:%.100s> ", s->look.root < 0 ? "" : s->cwd);
	printable_text(text);
	return text;
}

static void source_editrc(EditLine *el)
{
	const char *home = getenv("HOME");
	char path[PATH_MAX];

	if (home && snprintf(path, sizeof(path), "%s/.editrc", home) < (int)sizeof(path))
		el_source(el, path);
}

bool shell_edit_begin(struct shell *s)
{
	HistEvent event;

	s->history = history_init();
	s->edit = el_init("lklusb", stdin, stdout, stderr);
	if (!s->history || !s->edit)
		return false;
	history(s->history, &event, H_SETSIZE, HISTORY_LINES);
	history(s->history, &event, H_SETUNIQUE, 1);
	el_set(s->edit, EL_CLIENTDATA, s);
	el_set(s->edit, EL_PROMPT, prompt);
	el_set(s->edit, EL_EDITOR, "emacs");
	el_set(s->edit, EL_SIGNAL, 1);
	el_set(s->edit, EL_GETCFN, get_char);
	el_set(s->edit, EL_HIST, history, s->history);
	el_set(s->edit, EL_ADDFN, "complete", "Complete a name", complete);
	el_set(s->edit, EL_BIND, "^I", "complete", NULL);
	source_editrc(s->edit);
	return true;
}

void shell_edit_end(struct shell *s)
{
	if (s->edit)
		el_end(s->edit);
	if (s->history)
		history_end(s->history);
	s->edit = NULL;
	s->history = NULL;
}

const char *shell_edit_line(struct shell *s)
{
	HistEvent event;
	int n;
	const char *line = el_gets(s->edit, &n);

	if (line && n > 1)
		history(s->history, &event, H_ENTER, line);
	if (!line) {
		putchar('\n');
		el_reset(s->edit);
	}
	return line;
}
