# SPDX-License-Identifier: GPL-2.0-only
# What was fsynced survives a power cut: a disk that loses every write that was not
# followed by a flush, and the process that dies with it.
# variant: ext4 usb
# variant: ext4 blk
# variant: ext3 usb
# variant: xfs usb
# variant: xfs blk
# variant: btrfs usb
# variant: btrfs blk
# limit: 200
. "$TOP/tests/whole/lib.bash"
type=$1
options=
[ "$2" = blk ] && options=--virtio-blk

make_fs "$type" "$img" "$(fs_size "$type")"
for round in 1 2 3; do
	mount_stick "$img" $options --filter powercut
	server=$(server_of)
	# The control: without a flush nothing reaches the image. It proves that the
	# filter is there; the write is small and the cut comes at once.
	mkdir -p "$dir/round$round/d"
	for i in $(seq 12); do
		head -c $((i * 7777)) /dev/urandom > "$WORK/data$i"
		cp "$WORK/data$i" "$dir/round$round/d/f$i"
		sync "$dir/round$round/d/f$i" || fail fsync
	done
	# renamed over an older one, the folder synced
	echo old > "$dir/round$round/name"
	sync "$dir/round$round/name"
	echo new > "$dir/round$round/tmp"
	sync "$dir/round$round/tmp"
	mv "$dir/round$round/tmp" "$dir/round$round/name"
	sync "$dir/round$round"
	echo lost > "$dir/round$round/unsynced"
	kill -9 "$server"
	wait_gone "$server"
	wait_unmounted

	mount_stick "$img" $options
	for i in $(seq 12); do
		cmp "$WORK/data$i" "$dir/round$round/d/f$i" || fail "fsynced file $i of round $round"
	done
	[ "$(cat "$dir/round$round/name")" = new ] || fail "renamed file"
	[ -s "$dir/round$round/unsynced" ] && fail "an unsynced file survived: is the filter there?"
	umount_stick
	check_fs "$type" "$img"
done
