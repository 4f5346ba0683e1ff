# SPDX-License-Identifier: GPL-2.0-only
# For tests that look at a sandbox from outside.

host=$("$TOP/build/lklusb" doctor)
echo "$host" | grep -q '^ok    landlock' && echo "$host" | grep -q '^ok    seccomp' ||
	fail "this host has no Landlock or seccomp: $host"

# confined PID: all of its threads
confined() {
	local t
	for t in /proc/"$1"/task/*; do
		grep -q '^Seccomp:.*2$' "$t/status" && grep -q '^NoNewPrivs:.*1$' "$t/status" ||
			fail "outside: $(cat "$t/comm"), $t"
	done
}

# The process that opens for this one.
broker_of() {
	ps -o pid= --ppid "$1" | tr -d ' '
}
