# SPDX-License-Identifier: GPL-2.0-only
# For both sides of a guest whose device lies when it is told to (hostile-device.c).
export LIE=$WORK/lie
DAEMON=$TOP/build/host/tests/guest/hostile-device

# ---- in the guest ----

# tell LIE [N]: with the Nth answer that fits, from now on
tell() {
	echo "lie: $1" > /dev/kmsg
	echo "$1 ${2:-1}" > "$LIE"
}

honest() {
	: > "$LIE"
}

# Since then.
said() {
	dmesg | tac | sed '/] lie: /q' | grep -q -e "$1"
}

# Pulls, or plugs in, all that the device has.
pull() {
	order USR1
}

plug() {
	order USR2
}

order() {
	touch "$WORK/order.$1"
	wait_for 20 test ! -e "$WORK/order.$1" || fail "nobody obeys"
}

# ---- outside ----

# Until the guest ends.
obey() {
	local s
	while kill -0 "$guest" 2> /dev/null; do
		for s in USR1 USR2; do
			[ ! -e "$WORK/order.$s" ] || { signal_daemon $s; sleep 0.1; rm "$WORK/order.$s"; }
		done
		sleep 0.05
	done
}
