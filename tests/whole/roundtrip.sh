# SPDX-License-Identifier: GPL-2.0-only
# Written, unmounted, mounted again, compared; the filesystem's own checker agrees.
# variant: ext4 usb
# variant: xfs usb
# variant: btrfs usb
# variant: vfat usb
# variant: exfat usb
# variant: ext2 usb
# variant: ext3 usb
# variant: f2fs usb
# variant: ntfs usb
# variant: udf usb
# variant: ext4 uas
# variant: vfat uas
# variant: ext4 high
# variant: ext4 blk
# variant: xfs blk
# variant: btrfs blk
# variant: vfat blk
# variant: exfat blk
# limit: 120
. "$TOP/tests/whole/lib.bash"
type=$1
case $2 in
blk) options=--virtio-blk ;;
high) options="--speed high" ;;
uas) options=--uas ;;
*) options= ;;
esac

make_fs "$type" "$img" "$(fs_size "$type")"
make_tree "$WORK/tree"
mount_stick "$img" $options
findmnt -n -o FSTYPE,SOURCE "$dir" | grep -q "fuse.lklusb *$img" || fail "mount table"
cp -r "$WORK/tree" "$dir/" || fail "cp"
diff -r "$WORK/tree" "$dir/tree" || fail "differs while mounted"
case $type in
vfat | exfat | ntfs | udf) ;;
*)
	ln -s a/f1 "$dir/link" && [ "$(readlink "$dir/link")" = a/f1 ] || fail symlink
	ln "$dir/tree/a/f512" "$dir/hard" || fail "hard link"
	chmod 640 "$dir/hard" || fail chmod
	;;
esac
rm -r "$dir/tree/a/b/c" || fail "rm -r"
mv "$dir/tree/with space" "$dir/moved" || fail mv
truncate -s 100000 "$dir/tree/a/b/big" || fail truncate
umount_stick

check_fs "$type" "$img"
mount_stick "$img" $options --ro
touch "$dir/x" 2>/dev/null && fail "written though read-only"
rm -r "$WORK/tree/a/b/c"
mv "$WORK/tree/with space" "$WORK/moved"
truncate -s 100000 "$WORK/tree/a/b/big"
diff -r "$WORK/tree" "$dir/tree" || fail "differs after remount"
diff -r "$WORK/moved" "$dir/moved" || fail "differs after remount"
case $type in
vfat | exfat | ntfs | udf) ;;
*)
	[ "$(stat -c '%h %a' "$dir/hard")" = "2 640" ] || fail "links or mode"
	;;
esac
umount_stick
check_fs "$type" "$img"
