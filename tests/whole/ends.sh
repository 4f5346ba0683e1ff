# SPDX-License-Identifier: GPL-2.0-only
# Every way to end a mount writes everything out and leaves nothing behind.
# variant: fusermount
# variant: TERM
# variant: INT
# variant: HUP
# variant: lazy
# variant: eject
# variant: eject --uas
# variant: foreground
# variant: retried
. "$TOP/tests/whole/lib.bash"
make_fs ext4 "$img" 50M
if [ "$1" = foreground ]; then
	"$LKLUSB" mount -f --kernel-log "$WORK/guest.dmesg" "$img" "$dir" &
	server=$!
	for i in $(seq 100); do mountpoint -q "$dir" && break; sleep 0.1; done
	ls "$dir" > /dev/null || fail "not served"
else
	mount_stick "$img" ${2:-}
	server=$(server_of)
fi
head -c 3000000 /dev/urandom > "$WORK/data"
cp "$WORK/data" "$dir/data"
# Written through a mapping. That of a process that closes it the host writes back by
# itself; that of one which still has it when a signal comes is ours to ask for.
map_and_write() {
	exec python3 -c '
import mmap, os, sys, time
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.ftruncate(f, 16777216)
m = mmap.mmap(f, 16777216)
m[:] = b"m" * 16777216
open(sys.argv[2], "w").close()
time.sleep(float(sys.argv[3]))' "$dir/mapped" "$WORK/is-mapped" "$1"
}
holder=
case $1 in
TERM | INT | HUP)
	map_and_write 60 &
	holder=$!
	for i in $(seq 100); do [ -e "$WORK/is-mapped" ] && break; sleep 0.1; done
	;;
*) (map_and_write 0) || fail mmap ;;
esac
case $1 in
eject)
	"$LKLUSB" umount --eject "$dir" > "$WORK/out" || fail "umount --eject"
	grep -q 'Safe to unplug' "$WORK/out" || fail "not told that it is safe"
	;;
fusermount) fusermount3 -u "$dir" || fail fusermount3 ;;
lazy)
	exec 7< "$dir/data"
	"$LKLUSB" umount -l "$dir" || fail "umount -l"
	cmp - "$WORK/data" <&7 || fail "an open file after a lazy umount"
	exec 7<&-
	;;
retried)
	# as often as there is no room for all who have asked
	exec 7< "$dir/data"
	for i in $(seq 70); do
		"$LKLUSB" umount -q "$dir" 2> /dev/null && fail "unmounted while in use"
	done
	exec 7<&-
	"$LKLUSB" umount "$dir" > "$WORK/out" || fail "umount after many that found it in use"
	grep -q 'Safe to unplug' "$WORK/out" || fail "not told that it is safe"
	;;
foreground)
	"$LKLUSB" umount -q "$dir" || fail umount
	wait "$server" || fail "exit status $?"
	;;
*) kill -"$1" "$server" || fail kill ;;
esac
wait_gone "$server"
[ -z "$holder" ] || kill "$holder"
mountpoint -q "$dir" && fail "still mounted"
check_fs ext4 "$img"
mount_stick "$img"
cmp "$WORK/data" "$dir/data" || fail "data"
[ "$(tr -d m < "$dir/mapped" | wc -c)" = 0 ] || fail "what was written through a mapping"
[ "$(wc -c < "$dir/mapped")" = 16777216 ] || fail "the mapped file's size"
umount_stick
