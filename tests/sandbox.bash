# SPDX-License-Identifier: GPL-2.0-only
# For tests that look at a sandbox from outside.
user=${user:-}		# in front of commands of the user

# Whether this host, or guest, can hold a process back.
host_has_sandbox() {
	local host
	host=$($user "$TOP/build/lklusb" doctor)
	echo "$host" | grep -q '^ok    landlock' && echo "$host" | grep -q '^ok    seccomp' ||
		fail "no Landlock or seccomp: $host"
}

# is_confined PID: all of its threads
is_confined() {
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
