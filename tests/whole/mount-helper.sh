# SPDX-License-Identifier: GPL-2.0-only
# mount(8) and umount(8) with the type fuse.lklusb, from fstab and without, as root and as
# the user that fstab allows.
# Root starts it: mount(8) finds helpers only in /usr/sbin, so this happens in a mount
# namespace with another one.
AS_ROOT=1
. "$TOP/tests/whole/lib.bash"
need_root "$@"
al=$(id -u www-data)

if [ -z "${INSIDE:-}" ]; then
	mkdir -p "$WORK/over"
	mount -t tmpfs none "$WORK/over" || fail tmpfs
	mkdir "$WORK/over/upper" "$WORK/over/work"
	chmod 755 "$WORK"
	INSIDE=1 unshare -m --propagation private bash "$0" "$@"
	status=$?
	umount "$WORK/over"
	exit $status
fi
mount -t overlay -o "lowerdir=/usr/sbin,upperdir=$WORK/over/upper,workdir=$WORK/over/work" \
	none /usr/sbin || fail overlay
chmod 755 /usr/sbin
ln -s "$LKLUSB" /usr/sbin/mount.fuse.lklusb
ln -s "$LKLUSB" /usr/sbin/umount.fuse.lklusb
export HOME=$WORK XDG_RUNTIME_DIR=

truncate -s 200M "$img"
printf 'label: gpt\nsize=80M\nsize=80M\n' | sfdisk -q "$img" || fail sfdisk
truncate -s 80M "$WORK/part"
mkfs.ext4 -q -F -L TWO "$WORK/part" || fail mkfs
second=$(sfdisk -J "$img" | sed -n 's/.*"start": *\([0-9]*\).*/\1/p' | tail -1)
dd if="$WORK/part" of="$img" bs=512 seek="$second" conv=notrunc,sparse status=none
chown "$al" "$img"
chown "$al" "$dir"

as() { setpriv --reuid "$al" --regid "$al" --clear-groups timeout -k 3 60 "$@"; }

# by hand
timeout -k 3 60 mount -t fuse.lklusb "$img" "$dir" \
	-o "partition=2,uas,ro,x-gvfs-show,kernel-log=$WORK/a.dmesg" || fail "mount -t"
findmnt -m -n -o FSTYPE,SOURCE,OPTIONS "$dir" > "$WORK/found"
grep -q "^fuse.lklusb *$img *ro,nosuid,nodev" "$WORK/found" || fail "$(cat "$WORK/found")"
grep -q "uas" "$WORK/a.dmesg" || fail "option uas"
# where file managers look (libmount's and GLib's view of what is mounted)
grep -q x-gvfs-show "$WORK/found" || fail "x-gvfs-show: $(cat "$WORK/found")"
pid=$(server_of)
timeout -k 3 60 umount "$dir" || fail "umount"
# umount has waited: nobody has the image locked any more
flock -n "$img" true || fail "umount returned before the image was closed"
wait_gone "$pid"

# refused as lklusb mount does, with its exit status
timeout -k 3 60 mount -t fuse.lklusb "$img" "$dir" -o partition=9 > "$WORK/out" 2>&1
[ $? = 32 ] || fail "status"
grep -q '\[partition-missing\]' "$WORK/out" || fail "message: $(cat "$WORK/out")"
mount -f -t fuse.lklusb "$img" "$dir" || fail "mount -f"
mountpoint -q "$dir" && fail "mount -f mounts"

# from fstab
cat > "$WORK/fstab" <<END
$img $dir fuse.lklusb noauto,user,noatime,partition=2,kernel-log=$WORK/b.dmesg,x-gvfs-show,x-systemd.automount,comment=stick 0 0
END
chmod 644 "$WORK/fstab"
touch "$WORK/b.dmesg"; chown "$al" "$WORK/b.dmesg"
mount --bind "$WORK/fstab" /etc/fstab || fail bind
mount -a -t fuse.lklusb || fail "mount -a"
mountpoint -q "$dir" && fail "noauto"
as mount "$dir" || fail "mount as the user"
findmnt -m -n -o OPTIONS "$dir" > "$WORK/found"
grep -q noexec "$WORK/found" || fail "user means noexec: $(cat "$WORK/found")"
grep -q x-gvfs-show "$WORK/found" || fail "x-gvfs-show: $(cat "$WORK/found")"
as touch "$dir/x" || fail "touch"
pid=$(as "$LKLUSB" status -J "$dir" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
[ "$(stat -c %u "/proc/$pid")" = "$al" ] || fail "it runs as somebody else"
as umount "$dir" || fail "umount as the user"
flock -n "$img" true || fail "umount returned before the image was closed"
wait_gone "$pid"

# fusermount3 does not wait, but it ends
as mount "$dir" || fail "mount"
pid=$(as "$LKLUSB" status -J "$dir" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
as fusermount3 -u "$dir" || fail "fusermount3"
wait_gone "$pid"

# root mounts, and the process is not root's
mount -t fuse.lklusb "$img" "$dir" -o "ro,setuid=www-data,partition=2" || fail "setuid="
pid=$(as "$LKLUSB" status -J "$dir" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
[ "$(awk '/^Uid|^Gid/ { print $2, $3, $4, $5 }' "/proc/$pid/status" | sort -u)" = "$al $al $al $al" ] ||
	fail "setuid=: $(grep -E '^(Uid|Gid)' "/proc/$pid/status")"
grep -q "^Groups:.*\b0\b" "/proc/$pid/status" && fail "setuid= keeps root's groups"
as cat "$dir/x" || fail "setuid=: files"
umount "$dir" || fail "umount by root"
wait_gone "$pid"
mount -t fuse.lklusb "$img" "$dir" -o setuid=nosuchuser > "$WORK/out" 2>&1 && fail "no such user"
grep -q '\[usage\]' "$WORK/out" || fail "message: $(cat "$WORK/out")"

# root takes away what the user has mounted, without our helper
as mount "$dir" || fail "mount"
pid=$(as "$LKLUSB" status -J "$dir" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
umount -i "$dir" || fail "umount -i"
wait_gone "$pid"
dd if="$img" of="$WORK/part" bs=512 skip="$second" count=163840 conv=sparse status=none
e2fsck -fn "$WORK/part" > /dev/null || fail fsck
debugfs -R "stat /x" "$WORK/part" 2>/dev/null | grep -q "User: *$al" || fail "the file is not there"
