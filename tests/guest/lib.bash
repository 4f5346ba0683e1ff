# SPDX-License-Identifier: GPL-2.0-only
# For tests in which a stock kernel (UML) uses vhost-user-usb.
#
# tests/run sets TOP (the checkout) and WORK (this test's own folder). Everything runs
# as an ordinary user: as root the test starts itself again as uid 65534.
set -u
DAEMON=${DAEMON:-$TOP/build/vhost-user-usb}
export UML_VARIANT=${UML_VARIANT:-}	# of scripts/build-uml
UML=$TOP/build/uml${UML_VARIANT:+-$UML_VARIANT}-linux
img=$WORK/stick.img
socket=$WORK/s

if [ "$(id -u)" = 0 ]; then
	if ! setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$UML"; then
		echo "uid 65534 cannot reach $TOP" >&2
		exit 1
	fi
	chown -R 65534:65534 "$WORK"
	HOME=$WORK XDG_RUNTIME_DIR='' exec setpriv --reuid 65534 --regid 65534 \
		--clear-groups bash "$0" "$@"
fi
export PATH=$PATH:/usr/sbin:/sbin HOME=$WORK
daemon=
guest=
guest_name=

fail() {
	echo "FAILED: $*" >&2
	for f in "$WORK"/*.console "$WORK/daemon.log"; do
		[ -f "$f" ] && { echo "--- $f"; tail -20 "$f"; } >&2
	done
	exit 1
}

# What this test started and nothing else.
cleanup() {
	[ -n "$guest" ] && kill_guest
	[ -n "$daemon" ] && kill -TERM "$daemon" 2>/dev/null
	return 0
}
trap cleanup EXIT

. "$TOP/tests/guest/wait.bash"

# start_daemon IMAGE...: serves $socket
start_daemon() {
	timeout -k 3 500 "$DAEMON" -v --socket-path "$socket" "$@" >> "$WORK/daemon.log" 2>&1 &
	daemon=$!
	wait_for 10 test -S "$socket" || fail "the daemon does not start"
}

# The daemon's own process: timeout(1) passes TERM on, but no other signal.
signal_daemon() {
	kill -"$1" "$(pgrep -P "$daemon")" || fail "the daemon is gone"
}

stop_daemon() {
	kill -TERM "$daemon"
	wait "$daemon" || fail "the daemon's exit status is $?"
	daemon=
	[ -e "$socket" ] && fail "the daemon left its socket"
	# The device checks the driver: lengths, seqs, directions, queues.
	grep -q "malformed" "$WORK/daemon.log" && fail "the driver sent malformed commands"
	return 0
}

# boot NAME LIMIT [kernel argument...] < commands: a guest runs them, with what
# guest.bash has. Its console, log and exit status are $WORK/NAME.*. Returns at once.
boot() {
	local name=$1 limit=$2 mem=${MEM:-192M}
	shift 2
	[ "$UML_VARIANT" != debug ] || { limit=$((limit * 3)); mem=512M; }
	{
		printf '#!/bin/bash\nTOP=%q WORK=%q NAME=%q UML_VARIANT=%q\n' \
			"$TOP" "$WORK" "$name" "$UML_VARIANT"
		echo '. "$TOP/tests/guest/guest.bash"'
		cat
		echo 'finish 0'
	} > "$WORK/$name.init"
	chmod +x "$WORK/$name.init"
	rm -f "$WORK/$name.status"
	timeout -k 3 "$limit" "$UML" mem="$mem" root=/dev/root rootfstype=hostfs rootflags=/ rw \
		init="$WORK/$name.init" con=null con0=null,fd:1 quiet umid="$name.$$" \
		uml_dir="$WORK" virtio_uml.device="$socket:49" usb_storage.delay_use=0 "$@" \
		< /dev/null > "$WORK/$name.console" 2>&1 &
	guest=$!
	guest_name=$name
}

# The guest ended by itself and all its commands succeeded.
wait_guest() {
	local name=$1
	wait "$guest"
	kill_guest
	[ -f "$WORK/$name.status" ] || fail "guest $name did not finish"
	[ "$(cat "$WORK/$name.status")" = 0 ] || fail "guest $name: $(cat "$WORK/$name.status")"
}

# The kernel and the processes that it runs its programs in, which would keep the
# connection open: they are one process group, whose leader is the kernel.
kill_guest() {
	local pid
	pid=$(cat "$WORK/$guest_name.$$/pid" 2> /dev/null) && kill -KILL -- "-$pid" 2> /dev/null
	wait "$guest" 2> /dev/null
	guest=
}

# run_guest NAME LIMIT [kernel argument...] < commands
run_guest() {
	boot "$@"
	wait_guest "$1"
}

make_ext4() {
	truncate -s "$2" "$1"
	mkfs.ext4 -q -F -b 4096 -L stick "$1" || fail "mkfs"
}

check_ext4() {
	e2fsck -fn "$1" > "$WORK/fsck.log" 2>&1 || { cat "$WORK/fsck.log"; fail "fsck"; }
}
