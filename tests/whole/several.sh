# SPDX-License-Identifier: GPL-2.0-only
# A btrfs on two sticks: both are needed, in any order; what is written is on both; one that
# is lost, or pulled while it is mounted, costs nothing that was mirrored.
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/disks.bash"
other=$WORK/other.img
mount="$LKLUSB mount"
make_tree "$WORK/tree"
trap 'cleanup; kill $(jobs -p) 2> /dev/null' EXIT

truncate -s 150M "$img" "$other"
mkfs.btrfs -q -L pair -m raid1 -d raid1 "$img" "$other" > "$WORK/mkfs.log" 2>&1 || fail mkfs

mount_stick "$img" "$other"
cp -r "$WORK/tree/." "$dir" || fail "cp"
umount_stick
mount_stick "$other" "$img" --uas --ro
diff -r "$WORK/tree" "$dir" || fail "other files"
umount_stick
on_disks "$img" "$other" <<- END
btrfs check /dev/ubda
btrfs filesystem show /dev/ubdb | grep 'Total devices 2'
END

# one of them
refused fs-incomplete 32 $mount "$img" "$dir"
grep -q '1 of 2 devices are here' "$WORK/out" || { cat "$WORK/out"; fail "which?"; }
refused fs-incomplete 32 $mount "$other" "$dir"
mount_stick "$other" --ro -o degraded
diff -r "$WORK/tree" "$dir" || fail "other files on one"
umount_stick

# what is wrong with the second source
refused source-missing 32 $mount "$img" "$WORK/none.img" "$dir"
refused source-busy 32 $mount "$img" "$img" "$dir"
refused source-kind 1 $mount "$img" usbip:localhost/1-1 "$dir"
refused usage 1 $mount --virtio-blk "$img" "$other" "$dir"
refused usage 1 $mount --detach-driver usb:1234:5678 usb:1234:5679 "$dir"
make_fs ext4 "$WORK/ext4.img" 20M
refused partition-ambiguous 1 $mount "$img" "$WORK/ext4.img" "$other" "$dir"
grep -q -- '-p UUID=.*ext4 *LABEL=stick' "$WORK/out" || { cat "$WORK/out"; fail "no candidates"; }
mount_stick "$img" "$other" "$WORK/ext4.img" -p LABEL=stick
umount_stick

# The second one is pulled: it comes over USB/IP, from a process that is killed.
"$LKLUSB" export --unix "$WORK/socket" "$other" > "$WORK/export.log" 2>&1 &
export=$!
for i in $(seq 100); do
	grep -q 'listening on' "$WORK/export.log" && break
	sleep 0.1
done
mount_stick "$img" "usbip+unix:$WORK/socket/1-1"
cp "$WORK/tree/a/b/big" "$dir/before" && sync -f "$dir/before" || fail "write"
kill -KILL "$export"
wait "$export" 2> /dev/null
for i in $(seq 100); do
	"$LKLUSB" dmesg "$dir" | grep -q 'USB disconnect' && break
	sleep 0.1
done
cp "$WORK/tree/a/b/big" "$dir/after" || fail "write to one of two"
cmp "$WORK/tree/a/b/big" "$dir/before" || fail "read from one of two"
umount_stick
mount_stick "$img" --ro -o degraded
cmp "$WORK/tree/a/b/big" "$dir/before" && cmp "$WORK/tree/a/b/big" "$dir/after" ||
	fail "what was written to one of two"
umount_stick
