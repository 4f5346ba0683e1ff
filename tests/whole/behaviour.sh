# SPDX-License-Identifier: GPL-2.0-only
# What programs expect of a local filesystem, through the whole path.
# variant: ext4
# full variant: xfs
# variant: btrfs
# full variant: vfat
# variant: exfat
# variant: ext4 keep
# variant: xfs-ci
# limit: 300
. "$TOP/tests/whole/lib.bash"
if [ "$1" = xfs-ci ]; then
	truncate -s 400M "$img"
	mkfs.xfs -q -n version=ci "$img" || fail mkfs
	mount_stick "$img"
	"$BEHAVIOUR" --ignores-case "$dir" spellings || fail "behaviour"
	umount_stick
	check_fs xfs "$img"
	exit 0
fi
make_fs "$1" "$img" "$(fs_size "$1")"
poor="--no-hardlinks --no-xattr --no-symlinks --no-owners --no-holes --no-special"
poor="$poor --ignores-case --whole-names --coarse-times"
case $1 in
vfat) flags=$poor ;;
exfat) flags="$poor --no-exchange" ;;
*) flags= ;;
esac
options=
if [ "${2:-}" = keep ]; then
	# The root folder of a new filesystem is root's.
	debugfs -w -R 'set_inode_field / uid 65534' "$img" 2>/dev/null
	options="--owner keep"
fi
mount_stick "$img" $options
timeout -k 5 250 "$BEHAVIOUR" $flags "$dir" || fail "behaviour"
umount_stick
check_fs "$1" "$img"
