# SPDX-License-Identifier: GPL-2.0-only
# A stick with two partitions for the tests of several mounts in one process.
. "$TOP/tests/whole/lib.bash"
two=$WORK/mnt2
three=$WORK/mnt3
mkdir -p "$two" "$three"
mount="timeout -k 3 60 $LKLUSB mount"
umount="timeout -k 3 60 $LKLUSB umount"

# make_stick [TYPE [TYPE]]: into $img
make_stick() {
	local type at=1
	truncate -s 104M "$img"
	printf 'label: gpt\nsize=50M\nsize=50M\n' | sfdisk -q "$img" || fail sfdisk
	for type in "${1:-ext4}" "${2:-vfat}"; do
		rm -f "$WORK/part"
		make_fs "$type" "$WORK/part" 50M
		dd if="$WORK/part" of="$img" bs=1M seek=$at conv=notrunc,sparse status=none
		at=51
	done
}

# check_part N TYPE
check_part() {
	dd if="$img" of="$WORK/part" bs=1M skip=$((1 + ($1 - 1) * 50)) count=50 status=none
	check_fs "$2" "$WORK/part"
}

mount_both() {
	mount_stick "$img" -p 1 "$@"
	$mount --kernel-log "$WORK/guest$mounts.dmesg" -p 2 "$@" "$img" "$two" ||
		fail "the second mount"
	server=$(server_of)
	[ -n "$server" ] && [ "$server" = "$(server_of "$two")" ] ||
		fail "processes: $server and $(server_of "$two")"
}

# gone DIR...: nothing is mounted there
gone() {
	local d
	for d in "$@"; do
		! mountpoint -q "$d" || fail "$d is still mounted"
	done
}

# Until the command succeeds.
wait_until() {
	local i
	for i in $(seq 100); do
		"$@" && return 0
		sleep 0.1
	done
	fail "never: $*"
}
