# SPDX-License-Identifier: GPL-2.0-only
# Partitions of a stick are mounts of one process; each ends by itself, the last one ends
# the process; what contradicts the first mount is refused.
# variant: usb
# variant: uas
# variant: blk
. "$TOP/tests/whole/one-kernel.bash"
case $1 in
uas) flags=--uas ;;
blk) flags=--virtio-blk ;;
*) flags= ;;
esac
make_stick
mount_both $flags
first="--kernel-log $WORK/guest$mounts.dmesg $flags"

# both at once
for i in 1 2 3 4 5 6 7 8; do
	head -c 2000000 /dev/urandom > "$WORK/data"
	cp "$WORK/data" "$dir/f$i" & cp "$WORK/data" "$two/f$i" || fail "cp to the second"
	wait $! || fail "cp to the first"
	cmp "$dir/f$i" "$two/f$i" || fail "data differs"
done
[ "$("$LKLUSB" status | grep -c " $server\$")" = 2 ] || fail "$("$LKLUSB" status)"
"$LKLUSB" dmesg "$two" | grep -q 'Linux version' || fail dmesg

# refused, and nothing is left of it
mkdir "$WORK/empty"
refuse() {
	dir=$three refused "$@" "$img" "$three"
}
refuse already-mounted 32 $mount $first -p 2
grep -q "on $two " "$WORK/out" || fail "not told where: $(cat "$WORK/out")"
$umount -q "$two" || fail "umount of one of two"
gone "$two"
[ -e "$dir/f8" ] || fail "the other one ended, too"
refuse stick-options 1 $mount $first -p 2 --ro
grep -q -e '--ro differs' "$WORK/out" || fail "not told which: $(cat "$WORK/out")"
refuse stick-options 1 $mount $first -p 2 --mem 300M
refuse stick-options 1 $mount $first -p 2 --kernel-log "$WORK/other.dmesg"
refuse stick-options 1 $mount $flags -p 2
[ "$1" = blk ] || refuse stick-options 1 $mount $first -p 2 --trace "$WORK/trace.pcapng"
refuse partition-missing 32 $mount $first -p 7
refuse fs-damaged 32 $mount $first -p 2 -t xfs
grep -q 'kernel: .*XFS' "$WORK/out" || fail "no log: $(cat "$WORK/out")"
refuse option-refused 1 $mount $first -p 2 -o auto_unmount
chmod 500 "$WORK/empty"
dir=$WORK/empty refused fuse-mount 2 $mount $first -p 2 "$img" "$WORK/empty"
[ "$(server_of)" = "$server" ] || fail "the first mount did not survive that"

# the same file by another name and from another folder, with relative names
ln "$img" "$WORK/name"
(cd "$WORK/empty" && $mount ${first/ $WORK/ ..} -p 2 --owner keep -o noatime ../name \
	../mnt2) || fail "by another name"
[ "$(server_of "$two")" = "$server" ] || fail "another process for another name"
cmp "$WORK/data" "$two/f8" || fail "data"

# eject is for the last one; then for all
dir= refused stick-mounted 32 $umount --eject "$two"
grep -q "^ $dir\$" "$WORK/out" || fail "not told why: $(cat "$WORK/out")"
mountpoint -q "$two" || fail "unmounted though it was not ejected"
exec 7> "$dir/open"
dir= refused busy 32 $umount --eject --all "$two"
mountpoint -q "$two" || fail "unmounted before the one that is busy"
exec 7>&-
$umount "$two" > "$WORK/out" || fail umount
grep -q "still mounted on $dir\\." "$WORK/out" || fail "told: $(cat "$WORK/out")"
# The order does not matter: the first one leaves, the second serves on.
$mount $first -p 2 "$img" "$two" || fail "again"
$umount -q "$dir" || fail "umount of the first"
cp "$WORK/data" "$two/after" || fail "the second without the first"
$mount $first -p 1 "$img" "$three" || fail "partition 1 again"
[ "$(server_of "$three")" = "$server" ] || fail "another process"
cmp "$WORK/data" "$three/f8" || fail "data"
$umount --eject --all "$three" > "$WORK/out" || fail "umount --eject --all"
grep -q "Safe to unplug" "$WORK/out" || fail "told: $(cat "$WORK/out")"
gone "$two" "$three"
wait_gone "$server"
check_part 1 ext4
check_part 2 vfat
