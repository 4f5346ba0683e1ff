# SPDX-License-Identifier: GPL-2.0-only
# Whoever has the daemon has its open descriptors and nothing else: from outside, of all
# threads while a guest writes; from inside, at what it opens sticks with; what is done for
# it by another process, and what is left when either is killed.
# limit: 120
. "$TOP/tests/guest/lib.bash"
. "$TOP/tests/sandbox.bash"
host_has_sandbox

# ---- from inside ----

# taken_over TRY [OPTION...]: prints what came of it, or the signal
taken_over() {
	(
		cd "$WORK" || exit
		TRY=$1 "$TOP/build/host/tests/guest/taken-over" -s "$WORK/t" "${@:2}" zero: \
			< /dev/null 2>> "$WORK/daemon.log"
		[ $? = 159 ] && echo SIGSYS
	) 2> /dev/null
}
for try in nothing:done open:'Permission denied' create:'Permission denied' \
	stat:'Permission denied' socket:'Permission denied' connect:SIGSYS exec:SIGSYS \
	fork:SIGSYS kill:SIGSYS; do
	[ "$(taken_over "${try%%:*}")" = "${try#*:}" ] ||
		fail "inside, ${try%%:*}: $(taken_over "${try%%:*}")"
done
[ ! -e "$WORK/new" ] || fail "it made a file"
for try in open create stat socket connect fork kill; do
	[ "$(taken_over "$try" --no-sandbox)" = done ] || fail "outside, $try"
done
grep -q '\[sandbox-off\]' "$WORK/daemon.log" || fail "no [sandbox-off]"

# ---- from outside ----

gone() {
	! kill -0 "$1" 2> /dev/null
}

make_ext4 "$img" 32M
start_daemon --sandbox=require --trace "$WORK/t.pcapng" "$img,protocol=uas" zero: \
	5< "$TOP/README.md"
server=$(pgrep -P "$daemon")
broker=$(broker_of "$server")
[ "$(cat "/proc/$broker/comm")" = vu-usb-broker ] || fail "no broker"
boot guest 60 <<'END'
load
wait_disk sda
touch "$WORK/there"
wait_for 30 test -e "$WORK/looked" || fail "nobody looks"
wait_for 20 not test -b /dev/sda || fail "it is not pulled"
touch "$WORK/pulled"
wait_disk sda
mount_disk sda
head -c 3000000 /dev/zero > /run/mnt/zero || fail "write"
umount_disk
touch "$WORK/broken"
wait_for 30 not test -b /dev/sda || fail "it is not pulled"
END
wait_for 50 test -e "$WORK/there" || fail "no guest"
is_confined "$server"
for fd in /proc/"$server"/fd/*; do
	case $(readlink "$fd") in
	/dev/null | "$img" | "$WORK/t.pcapng" | "$WORK/daemon.log") ;;
	/dev/shm/* | *"(deleted)" | anon_inode:* | socket:*) ;;
	*) fail "open: $(readlink "$fd")" ;;
	esac
done
ls -l "/proc/$broker/fd" > "$WORK/broker-files"
grep -E "\.img|README|pcapng|eventfd" "$WORK/broker-files" && fail "the broker has the sticks"
signal_daemon USR1
touch "$WORK/looked"
wait_for 20 test -e "$WORK/pulled" || fail "not pulled"
signal_daemon USR2
wait_for 50 test -e "$WORK/broken" || fail "not plugged in again"
is_confined "$server"

# Without its broker it goes on with what it has, and says what it cannot do.
kill -KILL "$broker"
signal_daemon USR1
wait_guest guest
signal_daemon USR2
wait_for 10 grep -q 'the process that opens it has ended' "$WORK/daemon.log" || fail "no message"
kill -TERM "$daemon"
wait "$daemon" || fail "exit status $?"
daemon=
rm "$socket"			# that was the broker's to do
check_ext4 "$img"

# Killed itself, nothing is left.
start_daemon "$img"
server=$(pgrep -P "$daemon")
broker=$(broker_of "$server")
kill -KILL "$server"
wait "$daemon"
daemon=
wait_for 10 gone "$broker" || fail "the broker stays"
[ ! -e "$socket" ] || fail "the socket stays"

# Nothing is missing on the list: the debugging mode would name it.
start_daemon --sandbox=debug "$img"
stop_daemon
grep 'is not allowed' "$WORK/daemon.log" && fail "something is missing on the list"
timeout 10 "$DAEMON" --sandbox=some -s "$socket" "$img" 2> "$WORK/err" && fail "--sandbox=some"
grep -q 'auto, require, debug or off' "$WORK/err" || fail "$(cat "$WORK/err")"
