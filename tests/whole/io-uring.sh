# SPDX-License-Identifier: GPL-2.0-only
# FUSE over io_uring: what programs expect, every way to end, and /dev/fuse where the host
# has it switched off. Root or sudo switches it on for as long as this takes; nothing uses it
# that does not ask for it.
# full variant: all
# limit: 300
parameter=/sys/module/fuse/parameters/enable_uring
if [ -z "${PHASE:-}" ]; then
	if [ ! -e "$parameter" ]; then
		echo "Linux $(uname -r) has no FUSE over io_uring (6.14 has)"
		exit 77
	fi
	root=
	[ "$(id -u)" = 0 ] || root="sudo -n"
	switch() {
		echo "$1" | $root tee "$parameter" > /dev/null || exit 1
	}
	before=$(cat "$parameter")
	trap 'switch "$before"' EXIT
	trap 'exit 1' TERM INT
	switch N
	PHASE=off bash "$0" "$@" || exit
	switch Y
	PHASE=on bash "$0" "$@"
	exit
fi
. "$TOP/tests/whole/lib.bash"

mount_over_ring() {
	mount_stick "$img" --uas --io-uring "$@" 2> "$WORK/mount.err"
	server=$(server_of)
	grep -q 'io-uring-off' "$WORK/mount.err" && fail "no io_uring"
	ls -l "/proc/$server/fd" | grep -q 'io_uring' || fail "the server has no ring"
}

# Sleeps of the thread that reads /dev/fuse, and of all.
sleeps() {
	awk '/^voluntary/ { n += $2 } END { print n }' "$@"
}

# One file changes hands: what is asked comes through the rings.
check_used() {
	local first all
	mkdir "$dir/many"
	first=$(sleeps "/proc/$server/status")
	all=$(sleeps /proc/"$server"/task/*/status)
	for i in $(seq 300); do echo "$i" > "$dir/many/$i"; done
	first=$(($(sleeps "/proc/$server/status") - first))
	all=$(($(sleeps /proc/"$server"/task/*/status) - all))
	echo "300 files: $first sleeps of the thread at /dev/fuse, $all of all"
	[ "$all" -gt 600 ] || fail "nobody waits for requests"
	[ "$first" -lt 100 ] || fail "requests come through /dev/fuse"
}

# Everything that is written through a mapping is there after SIGTERM.
check_stop() {
	python3 -c '
import mmap, os, sys, time
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.ftruncate(f, 16777216)
m = mmap.mmap(f, 16777216)
m[:] = b"m" * 16777216
open(sys.argv[2], "w").close()
time.sleep(60)' "$dir/mapped" "$WORK/is-mapped" &
	holder=$!
	for i in $(seq 100); do [ -e "$WORK/is-mapped" ] && break; sleep 0.1; done
	kill "$server"
	wait_gone "$server"
	kill "$holder"
	wait "$holder" 2> /dev/null
	mountpoint -q "$dir" && fail "still mounted"
	mount_over_ring
	[ "$(tr -d m < "$dir/mapped" | wc -c)" = 0 ] || fail "what was mapped is lost"
	[ "$(stat -c %s "$dir/mapped")" = 16777216 ] || fail "size of what was mapped"
}

# Who waits for an answer gets an error. (statfs is never answered from a cache.)
check_kill() {
	for i in 1 2 3 4; do
		(while [ "$(stat -f -c %T "$dir" 2> /dev/null)" = fuseblk ]; do :; done) &
	done
	sleep 0.3
	kill -9 "$server"
	wait_gone "$server"
	for i in $(jobs -p); do
		timeout 20 tail --pid="$i" -f /dev/null || fail "who asks hangs"
	done
	fusermount3 -u -z "$dir" 2> /dev/null
	return 0
}

make_fs ext4 "$img" 200M
case $PHASE in
off)
	timeout 60 "$LKLUSB" mount --io-uring "$img" "$dir" 2> "$WORK/err" || fail mount
	grep -q 'io-uring-off' "$WORK/err" || fail "not told that it is off"
	echo x > "$dir/x" || fail write
	umount_stick
	;;
on)
	mount_over_ring
	check_used
	some="names-at-once blocks-at-once xattr-sizes changing-while-reading seeking"
	[ "${1:-}" = all ] && some=
	timeout -k 5 250 "$BEHAVIOUR" "$dir" $some || fail behaviour
	check_stop
	umount_stick
	check_fs ext4 "$img"
	mount_over_ring
	check_kill
	;;
esac
