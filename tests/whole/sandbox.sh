# SPDX-License-Identifier: GPL-2.0-only
# Whoever has the library kernel has its open descriptors and nothing else: from outside,
# of all threads; a process that was killed leaves neither mount nor names. What cannot be
# done from inside tests/unit/test-sandbox tries.
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/sandbox.bash"
host_has_sandbox
make_fs ext4 "$img" 50M
export XDG_RUNTIME_DIR=$WORK/run
mkdir -m 700 "$XDG_RUNTIME_DIR"

sandbox_is() {
	"$LKLUSB" status -J "$dir" | grep -q "\"sandbox\":\"$1\"" || fail "status: not $1"
}

# descriptors that the caller had open are not inherited by the library kernel
for i in $(seq 100 399); do eval "exec $i< '$TOP/README.md'"; done
mount_stick "$img" --trace "$WORK/trace.pcapng" --sandbox=require 5< "$TOP/README.md"
for i in $(seq 100 399); do eval "exec $i<&-"; done
server=$(server_of)
head -c 5000000 /dev/urandom > "$dir/data"
for i in $(seq 50); do ls -R "$dir" > /dev/null & done
wait
sync "$dir/data"
is_confined "$server"
sandbox_is full
[ "$(ls "/proc/$server/task" | wc -l)" -gt 5 ] || fail "which threads?"
for fd in /proc/"$server"/fd/*; do
	case $(readlink "$fd") in
	/dev/null | /dev/fuse | "$img" | "$WORK/trace.pcapng" | "$WORK"/guest*.dmesg) ;;
	"$XDG_RUNTIME_DIR"/lklusb/stick-*.lock | /memfd:* | anon_inode:* | socket:*) ;;
	*) fail "open: $(readlink "$fd")" ;;
	esac
done
broker=$(broker_of "$server")
[ "$(cat "/proc/$broker/comm")" = lklusb-broker ] || fail "no broker"
ls -l "/proc/$broker/fd" > "$WORK/broker-files"
grep -E "fuse|$img|memfd" "$WORK/broker-files" && fail "the broker has the stick"
umount_stick
wait_gone "$broker"
[ -z "$(ls "$XDG_RUNTIME_DIR/lklusb")" ] || fail "left: $(ls "$XDG_RUNTIME_DIR/lklusb")"

# killed while it is busy: nothing is left, and the next one can start at once
mount_stick "$img"
server=$(server_of)
(cd "$dir" && while head -c 100000 /dev/zero > zero; do :; done) 2> /dev/null &
writer=$!
sleep 0.3
kill -9 "$server"
wait_gone "$server"
wait_unmounted
kill "$writer" 2> /dev/null
wait "$writer" 2> /dev/null
mount_stick "$img"
is_confined "$(server_of)"
umount_stick
wait_unmounted
for i in $(seq 100); do [ -z "$(ls "$XDG_RUNTIME_DIR/lklusb")" ] && break; sleep 0.1; done
[ -z "$(ls "$XDG_RUNTIME_DIR/lklusb")" ] || fail "left: $(ls "$XDG_RUNTIME_DIR/lklusb")"
check_fs ext4 "$img"

# with none at all: what is said goes nowhere, not into the image
"$LKLUSB" mount -v "$img" "$dir" <&- >&- 2>&- || fail "mount without descriptors"
echo data > "$dir/data"
umount_stick
check_fs ext4 "$img"

# Of the terminal nothing can be read, by which a session of its own would have what is typed
# in front of other programs, too; nor is its mode to be changed.
. "$TOP/tests/whole/terminal.bash"
on_terminal "$LKLUSB mount -v -f $img $dir"
for i in $(seq 100); do mountpoint -q "$dir" && break; sleep 0.1; done
server=$(server_of)
[ "$(readlink "/proc/$server/fd/0")" = /dev/null ] || fail "standard input stays"
for fd in /proc/"$server"/fd/*; do
	case $(readlink "$fd") in
	/dev/pts/*) fail "the terminal as it was: $fd" ;;
	/dev/tty)
		grep -q '^flags:.*[1]$' "/proc/$server/fdinfo/${fd##*/}" || fail "the terminal can be read: $fd"
		;;
	esac
done
shown 'sda'
umount_stick
finish 0

# whoever debugs is told what he gives up
mount_stick "$img" --no-sandbox 2> "$WORK/err"
grep -q '\[sandbox-off\]' "$WORK/err" || fail "no [sandbox-off]"
sandbox_is off
grep -q '^Seccomp:.*0$' "/proc/$(server_of)/status" || fail "a filter"
umount_stick
mount_stick "$img" --sandbox=debug 2> "$WORK/err"
sandbox_is partial
umount_stick
grep 'is not allowed' "$WORK/err" && fail "something is missing on the list"
refused usage 1 "$LKLUSB" mount --sandbox=some "$img" "$dir"

# the other commands that start a library kernel, or serve
mkfifo "$WORK/script"
"$LKLUSB" shell "$img" < "$WORK/script" > "$WORK/out" 2>&1 &
shell=$!
exec 9> "$WORK/script"
echo ls >&9
for i in $(seq 100); do grep -q lost+found "$WORK/out" && break; sleep 0.1; done
is_confined "$shell"
exec 9>&-
wait "$shell" || fail "shell: $(cat "$WORK/out")"
"$LKLUSB" export -q --unix "$WORK/socket" "$img" &
export_pid=$!
for i in $(seq 100); do [ -S "$WORK/socket" ] && break; sleep 0.1; done
"$LKLUSB" list "usbip+unix:$WORK/socket/1-1" > "$WORK/out" || fail "list over USB/IP"
grep -q "ext4 *stick" "$WORK/out" || fail "list: $(cat "$WORK/out")"
is_confined "$export_pid"
kill "$export_pid"
wait "$export_pid"
[ ! -e "$WORK/socket" ] || fail "the socket stays"
