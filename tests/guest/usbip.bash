# SPDX-License-Identifier: GPL-2.0-only
# For tests against the unmodified kernel's USB/IP and Debian's usbip and usbipd, all
# inside of one UML kernel, over its loopback. See usbfs.bash.
. "$TOP/tests/guest/usbfs.bash"
modprobe_ usbip-core
ip link set lo up || fail "no loopback"

# start_usbipd [options]: of Linux, in the background; it answers when this returns
start_usbipd() {
	usbipd "$@" > /run/usbipd.log 2>&1 &
	usbipd=$!
	wait_for 10 lists_devices || { cat /run/usbipd.log; fail "usbipd does not answer"; }
}

lists_devices() {
	$lklusb list usbip://127.0.0.1 > /run/list 2>/dev/null
}

# What usbip-host drives, and usbipd exports.
bind_stick() {
	modprobe_ usbip-host
	busid=$(basename /sys/bus/usb/devices/*-1)
	usbip bind -b "$busid" || fail "usbip bind $busid"
}

# start_export [arguments of lklusb export]: ready when this returns
start_export() {
	$user "$LKLUSB" export -v "$@" > /run/export.log 2>&1 &
	export=$!
	wait_for 10 grep -q "listening on" /run/export.log ||
		{ cat /run/export.log; fail "lklusb export $*"; }
}

stop_export() {
	kill -TERM "$export"
	wait "$export" || fail "lklusb export: status $?"
}

. "$TOP/tests/guest/wait.bash"
