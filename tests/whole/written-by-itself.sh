# SPDX-License-Identifier: GPL-2.0-only
# Nobody calls fsync; within about two seconds all is on the stick nevertheless.
# variant: ext4
# variant: xfs
# variant: btrfs
# variant: vfat
# variant: exfat
. "$TOP/tests/whole/lib.bash"
make_fs "$1" "$img" "$(fs_size "$1")"
# Journals end in a flush, so they stand a power cut too; FAT never asks for one.
case $1 in
vfat | exfat) filter= ;;
*) filter="--filter powercut" ;;
esac
mount_stick "$img" $filter
make_tree "$WORK/tree"
cp -r "$WORK/tree" "$dir/" || fail cp
sleep 4
server=$(server_of)
kill -9 "$server"
wait_gone "$server"
wait_unmounted
mount_stick "$img"
diff -r "$WORK/tree" "$dir/tree" || fail "lost"
umount_stick
