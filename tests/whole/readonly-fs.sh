# SPDX-License-Identifier: GPL-2.0-only
# Filesystems that are made once and then only read, with what the matrix has not of them.
# variant: squashfs xz
# variant: squashfs zstd
# variant: squashfs lz4
# variant: erofs none
# variant: iso9660 joliet
. "$TOP/tests/whole/lib.bash"
make_tree "$WORK/tree"
ln -s a/f1 "$WORK/tree/link"
[ "$2" = joliet ] && rm -r "$WORK/tree/link" "$WORK/tree/üñí" "$WORK/tree/with space"
case $1 in
squashfs) mksquashfs "$WORK/tree" "$img" -comp "$2" -quiet -no-progress ;;
erofs) mkfs.erofs "$img" "$WORK/tree" ;;
iso9660) genisoimage -quiet -J -o "$img" "$WORK/tree" ;;
esac > "$WORK/mkfs.log" 2>&1 || { cat "$WORK/mkfs.log"; fail "mkfs $*"; }

"$LKLUSB" list "$img" | grep -q "$1" || fail "list: $("$LKLUSB" list "$img")"
mount_stick "$img" --ro
diff -r --no-dereference "$WORK/tree" "$dir" || fail "differs"
touch "$dir/x" 2> /dev/null && fail "written"
umount_stick
