# SPDX-License-Identifier: GPL-2.0-only
# High Speed, which the matrix (tests/matrix) does not have: written, unmounted, mounted
# again, compared; the filesystem's own checker agrees.
. "$TOP/tests/whole/lib.bash"

make_fs ext4 "$img" 200M
make_tree "$WORK/tree"
mount_stick "$img" --speed high
findmnt -n -o FSTYPE,SOURCE "$dir" | grep -q "fuse.lklusb *$img" || fail "mount table"
cp -r "$WORK/tree" "$dir/" || fail "cp"
diff -r "$WORK/tree" "$dir/tree" || fail "differs while mounted"
ln -s a/f1 "$dir/link" && [ "$(readlink "$dir/link")" = a/f1 ] || fail symlink
ln "$dir/tree/a/f512" "$dir/hard" || fail "hard link"
chmod 640 "$dir/hard" || fail chmod
rm -r "$dir/tree/a/b/c" || fail "rm -r"
mv "$dir/tree/with space" "$dir/moved" || fail mv
truncate -s 100000 "$dir/tree/a/b/big" || fail truncate
umount_stick

check_fs ext4 "$img"
mount_stick "$img" --speed high --ro
touch "$dir/x" 2>/dev/null && fail "written though read-only"
rm -r "$WORK/tree/a/b/c"
mv "$WORK/tree/with space" "$WORK/moved"
truncate -s 100000 "$WORK/tree/a/b/big"
diff -r "$WORK/tree" "$dir/tree" || fail "differs after remount"
diff -r "$WORK/moved" "$dir/moved" || fail "differs after remount"
[ "$(stat -c '%h %a' "$dir/hard")" = "2 640" ] || fail "links or mode"
umount_stick
check_fs ext4 "$img"
