# SPDX-License-Identifier: GPL-2.0-only
# Each thing that can be wrong has its message, its code and its exit status.
# limit: 300
. "$TOP/tests/whole/lib.bash"
mount="$LKLUSB mount"

refused usage 1 "$LKLUSB" nonsense
refused source-missing 32 $mount "$WORK/none.img" "$dir"
refused source-type 32 $mount "$WORK" "$dir"
: > "$WORK/empty.img"
refused source-type 32 $mount "$WORK/empty.img" "$dir"
truncate -s 10M "$WORK/zeros.img"
refused fs-unknown 32 $mount "$WORK/zeros.img" "$dir"
refused fs-unknown 32 $mount --virtio-blk "$WORK/zeros.img" "$dir"
refused source-kind 1 $mount usbip:localhost/1-1 "$dir"
refused device-missing 32 $mount usb:1234:5678 "$dir"
touch "$WORK/secret.img"
chmod 0 "$WORK/secret.img"
refused source-access 32 $mount "$WORK/secret.img" "$dir"

make_fs ext4 "$img" 50M
refused mountpoint 32 $mount "$img" "$WORK/no-folder"
touch "$WORK/file"
refused mountpoint 32 $mount "$img" "$WORK/file"
mkdir "$WORK/full"
touch "$WORK/full/x"
refused mountpoint-not-empty 32 $mount "$img" "$WORK/full"
refused partition-missing 32 $mount -p 3 "$img" "$dir"
refused fs-unsupported 32 $mount -t minix "$img" "$dir"
refused fs-damaged 32 $mount -t xfs "$img" "$dir"
refused option-refused 1 $mount -o suid "$img" "$dir"
refused fs-damaged 32 $mount -o nosuchoption "$img" "$dir"
refused usage 1 $mount --mem 1M "$img" "$dir"
refused not-mounted 1 "$LKLUSB" umount "$dir"
refused not-mounted 1 "$LKLUSB" dmesg "$dir"

# in use
mount_stick "$img"
timeout -k 3 20 $mount "$img" "$WORK/full" > "$WORK/out" 2>&1 && fail "mounted twice"
mkdir "$WORK/mnt2"
timeout -k 3 20 $mount "$img" "$WORK/mnt2" > "$WORK/out" 2>&1 && fail "mounted twice"
grep -q "is mounted on $dir \[already-mounted\]" "$WORK/out" || fail "no [already-mounted]"
mkdir -m 700 "$WORK/run"
XDG_RUNTIME_DIR=$WORK/run timeout -k 3 20 $mount "$img" "$WORK/mnt2" > "$WORK/out" 2>&1 &&
	fail "mounted twice"
grep -q '\[source-busy\]' "$WORK/out" || fail "no [source-busy]"
exec 7> "$dir/open"
timeout -k 3 20 "$LKLUSB" umount "$dir" > "$WORK/out" 2>&1
[ $? = 32 ] && grep -q '\[busy\]' "$WORK/out" || { cat "$WORK/out"; fail "no [busy]"; }
exec 7>&-
umount_stick

# a corrupt superblock, a corrupt root folder, noise
cp "$img" "$WORK/bad.img"
dd if=/dev/urandom of="$WORK/bad.img" bs=1 seek=1032 count=40 conv=notrunc status=none
timeout -k 3 20 $mount "$WORK/bad.img" "$dir" > "$WORK/out" 2>&1 && fail "mounted noise"
grep -q '\[fs-' "$WORK/out" || { cat "$WORK/out"; fail "no [fs-...]"; }
head -c 1M /dev/urandom > "$WORK/noise.img"
refused fs-unknown 32 $mount "$WORK/noise.img" "$dir"

# shorter than its filesystem, shorter than its partition table says
cp "$img" "$WORK/short.img"
truncate -s 20M "$WORK/short.img"
refused fs-damaged 32 $mount "$WORK/short.img" "$dir"
truncate -s 100M "$WORK/table.img"
printf 'label: dos\nstart=2048, size=180000, type=83\n' | sfdisk -q "$WORK/table.img" || fail sfdisk
truncate -s 60M "$WORK/table.img"
refused fs-unknown 32 $mount -p 1 "$WORK/table.img" "$dir"

# an image that shrinks while it is mounted: errors, no hang, no crash
make_fs ext4 "$WORK/shrink.img" 50M
mount_stick "$WORK/shrink.img"
head -c 20M /dev/urandom > "$dir/data" && sync -f "$dir/data"
truncate -s 1M "$WORK/shrink.img"
timeout 20 dd if=/dev/zero of="$dir/more" bs=1M count=2 conv=fsync status=none 2>/dev/null
timeout 20 "$LKLUSB" umount -q "$dir" 2> "$WORK/out"
[ $? -lt 124 ] || fail "umount of a shrunken image hangs"
mountpoint -q "$dir" && fail "still mounted"

# What cannot be read any more is an error, and not a file that ends earlier.
rm "$WORK/shrink.img"
mkdir "$WORK/in"
head -c 20M /dev/urandom > "$WORK/in/data"
mkfs.ext4 -q -b 4096 -d "$WORK/in" "$WORK/shrink.img" 50M || fail mkfs
mount_stick "$WORK/shrink.img" --ro
first=$(debugfs -R 'blocks /data' "$WORK/shrink.img" 2> /dev/null | tr ' ' '\n' | sed -n 1001p)
truncate -s $((first * 4096)) "$WORK/shrink.img"
timeout 20 cat "$dir/data" > "$WORK/read" 2> "$WORK/out" && fail "a shorter file"
grep -q 'Input/output error' "$WORK/out" || { cat "$WORK/out"; fail "another error"; }
cmp -n 4096000 "$WORK/read" "$WORK/in/data" || fail "not what is in front of that"
umount_stick
# The kernel complains, rightly: not what tests/run should look for.
rm -f "$WORK"/guest*.dmesg
exit 0
