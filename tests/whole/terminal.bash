# SPDX-License-Identifier: GPL-2.0-only
# A terminal for a command that asks.

# on_terminal COMMAND: what fd 9 gets is typed there, what is shown goes to $WORK/shown;
# the terminal's shell stays until it is closed
on_terminal() {
	[ -p "$WORK/typed" ] || mkfifo "$WORK/typed"
	: > "$WORK/shown"
	script -qfec "$1; echo status \$?; stty -a | grep -o ' -*echo '" \
		/dev/null < "$WORK/typed" > "$WORK/shown" &
	exec 9> "$WORK/typed"
}

# shown TEXT [TIMES]
shown() {
	local i
	for i in $(seq 200); do
		[ "$(grep -c "$1" "$WORK/shown")" -ge "${2:-1}" ] && return 0
		sleep 0.1
	done
	cat "$WORK/shown"
	fail "never shown: $1"
}

# finish STATUS: of the command; the terminal is as it was
finish() {
	shown "^status $1"
	shown '^ echo '
	exec 9>&-
	wait
	! grep -q 'phrase$\|secret\|wrong' "$WORK/shown" || fail "a passphrase was shown"
}
