# SPDX-License-Identifier: GPL-2.0-only
# What was acknowledged and could not be written is told to whoever ends the mount.
# variant: fusermount
# variant: TERM
# variant: twice
# variant: mapped
# variant: cache
. "$TOP/tests/whole/lib.bash"

foreground() {
	"$LKLUSB" mount -f --kernel-log "$WORK/guest.dmesg" "$@" "$img" "$dir" 2> "$WORK/err" &
	server=$!
	for i in $(seq 100); do mountpoint -q "$dir" && break; sleep 0.1; done
	ls "$dir" > /dev/null || fail "not served"
}

ended_with_loss() {
	wait "$server"
	[ $? = 32 ] || fail "the end of the process does not tell of it"
	grep -q '\[flush\]' "$WORK/err" || { cat "$WORK/err"; fail "no [flush]"; }
}

case $1 in
fusermount | TERM)
	# The first write is the mount's own.
	make_fs ext2 "$img" 50M
	foreground --filter fault:write-stall@2+
	head -c 1M /dev/urandom > "$dir/data" || fail "it is written later"
	if [ "$1" = TERM ]; then kill "$server"; else fusermount3 -u "$dir"; fi
	ended_with_loss
	;;
mapped)
	make_fs ext4 "$img" 20M
	mount_stick "$img"
	"$BEHAVIOUR" --fill "$dir" no-space mapping-without-space || fail behaviour
	umount_stick
	check_fs ext4 "$img"
	;;
twice)
	# What was lost stays so: the second umount ends the mount, and tells of it again.
	make_fs ext2 "$img" 50M
	foreground --filter fault:write-stall@2+
	head -c 1M /dev/urandom > "$dir/data" || fail "it is written later"
	for i in 1 2; do
		mountpoint -q "$dir" || fail "not mounted after umount $((i - 1))"
		"$LKLUSB" umount "$dir" > "$WORK/out" 2>&1 && fail "umount $i tells nothing"
		grep -q '\[flush\]' "$WORK/out" || { cat "$WORK/out"; fail "no [flush] of umount $i"; }
	done
	mountpoint -q "$dir" && fail "still mounted"
	ended_with_loss
	;;
cache)
	# FAT never asks the disk to write out its cache.
	make_fs vfat "$img" 200M
	mount_stick "$img" --filter powercut --virtio-blk
	head -c 1M /dev/urandom > "$WORK/data"
	cp "$WORK/data" "$dir/data"
	umount_stick
	mount_stick "$img"
	cmp "$WORK/data" "$dir/data" || fail "not on the disk after the end"
	umount_stick
	check_fs vfat "$img"
	;;
esac
exit 0
