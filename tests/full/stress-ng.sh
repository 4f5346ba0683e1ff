# SPDX-License-Identifier: GPL-2.0-only
# What stress-ng verifies of files and folders, one kind after the other: the nearest to a
# suite of POSIX behaviour that Debian has (docs/matrix.md says what was looked for).
# variant: ext4
# variant: xfs
# variant: btrfs
# limit: 300
. "$TOP/tests/whole/lib.bash"
kinds="access chdir chmod dentry dir dirdeep dirmany fallocate fcntl filename flock
fpunch fsize fstat getdent hdd iomix lease link locka lockf lockofd open rename seek symlink
sync-file utime xattr"
make_fs "$1" "$img" "$(fs_size "$1")"
if [ "$1" = ext4 ]; then
	# The root folder of a new filesystem is root's.
	debugfs -w -R 'set_inode_field / uid 65534' "$img" 2> /dev/null
	mount_stick "$img" --owner keep
else
	# With one owner that one may all, which is not what "access" expects.
	kinds=${kinds/access/}
	mount_stick "$img"
fi
cd "$dir" || fail cd
for kind in $kinds; do
	timeout -k 5 60 stress-ng --verify --temp-path "$dir" "--$kind" 1 --timeout 2 \
		--hdd-bytes 16M --iomix-bytes 16M --seek-size 16M --fallocate-bytes 16M \
		> "$WORK/out" 2>&1 || { cat "$WORK/out"; fail "$kind"; }
	grep -q 'successful run completed' "$WORK/out" || { cat "$WORK/out"; fail "$kind did not run"; }
	if grep -E 'skipped|not supported' "$WORK/out"; then fail "$kind was skipped"; fi
done
cd /
umount_stick
check_fs "$1" "$img"
