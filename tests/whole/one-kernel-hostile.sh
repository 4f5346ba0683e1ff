# SPDX-License-Identifier: GPL-2.0-only
# What hostile processes say to the one that serves a stick is dropped, with a message; it
# serves on, has no descriptor more, and other users are not listened to at all.
AS_ROOT=1
. "$TOP/tests/whole/one-kernel.bash"
make_stick
mkdir -m 700 "$WORK/r"
as() {
	local user=$1
	shift
	HOME=$WORK XDG_RUNTIME_DIR=$WORK/r setpriv --reuid "$user" --regid "$user" \
		--clear-groups "$@"
}
chown -R 65534:65534 "$WORK"
as 65534 "$LKLUSB" mount -f --kernel-log "$WORK/guest.dmesg" -p 1 "$img" "$dir" \
	2> "$WORK/err" &
answers() {
	as 65534 timeout -k 3 20 "$LKLUSB" status -J "$dir" | grep -q '"pid"'
}
wait_until answers 2> /dev/null
server=$(as 65534 "$LKLUSB" status -J "$dir" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
trap 'kill $server' EXIT
socket=$(echo "$WORK"/r/lklusb/stick-*[0-9a-f])
[ -S "$socket" ] || fail "no socket: $socket"
stick="file $(stat -c '%Hd:%Ld %i' "$img")"
VERSION=$("$LKLUSB" --version | sed 's/lklusb \([^,]*\),.*/\1/')
export VERSION KLOG=$WORK/guest.dmesg
files() {
	ls "/proc/$server/fd" | wc -l
}
before=$(files)

DIES=1 as 65534 timeout -k 3 100 python3 -B "$TOP/tests/whole/hostile-client.py" "$socket" "$stick" \
	"$img" "$two" > "$WORK/answers" || { cat "$WORK/answers"; fail "the hostile client"; }
cat "$WORK/answers"
# want CASE PATTERN
want() {
	grep -qE "^$1 $2" "$WORK/answers" || fail "$1: not $2"
}
dropped='Elklusb: .*does not understand \[stick-version\]\|done 32\|$'
for c in noise no-end huge no-number fd-with-status no-fd key two-fds many-fds no-words; do
	want $c "$dropped"
done
want no-mount '$'
want long-dir '$'
want not-fuse 'taken\|E.*\[fuse-mount\]\|done 2\|$'
want pipe 'taken\|E.*\[fuse-mount\]\|done 2\|$'
want not-mounted 'taken\|E.*\[fuse-mount\]\|done 2\|$'
want other-version 'taken\|E.*\[stick-version\]\|'
want other-stick 'taken\|E.*\[stick-version\]\|'
want bad-words 'taken\|done 1\|$'
want help 'taken\|done 1\|$'
[ "$(grep -c 'makes no sense was dropped' "$WORK/err")" = 10 ] ||
	{ cat "$WORK/err"; fail "not a message for each"; }
# Nobody knows of that mount.
grep -q '^dies' "$WORK/answers" || fail "no client that dies"
no_mount() {
	! grep -q " $two fuse" /proc/mounts
}
wait_until no_mount
answers || fail "it does not serve on"
[ "$(files)" = "$before" ] || { ls -l "/proc/$server/fd"; fail "$(files) files, not $before"; }

# Other users, even if they got as far as the socket.
chmod 755 "$WORK/r" "$WORK/r/lklusb"
chmod 777 "$socket"
as 65533 timeout -k 3 100 python3 -B "$TOP/tests/whole/hostile-client.py" "$socket" "$stick" \
	"$img" "$two" > "$WORK/answers" 2>&1
grep -qE 'taken|done' "$WORK/answers" && { cat "$WORK/answers"; fail "another user is served"; }
grep -q 'user 65533 is not served' "$WORK/err" || fail "no message about another user"
timeout -k 3 100 python3 -B "$TOP/tests/whole/hostile-client.py" "$socket" "$stick" \
	"$img" "$two" > "$WORK/answers" 2>&1
grep -q taken "$WORK/answers" && { cat "$WORK/answers"; fail "root's mount is served"; }
grep -q 'user 0 is not served' "$WORK/err" || fail "no message about root"
chmod 700 "$WORK/r" "$WORK/r/lklusb"
as 65534 timeout -k 3 20 "$LKLUSB" umount -q "$dir" || fail umount
wait_gone "$server"
trap - EXIT
