# SPDX-License-Identifier: GPL-2.0-only
# LKL's command line: the same words do the same.
. "$TOP/tests/whole/lib.bash"
ln -s "$LKLUSB" "$WORK/lklfuse"
lklfuse=$WORK/lklfuse

truncate -s 100M "$img"
printf 'label: dos\nsize=40M\nsize=40M\n' | sfdisk -q "$img" || fail sfdisk
truncate -s 40M "$WORK/part"
mkfs.ext4 -q -F "$WORK/part" || fail mkfs
dd if="$WORK/part" of="$img" bs=1M seek=41 conv=notrunc,sparse status=none

timeout -k 3 60 "$lklfuse" "$img" "$dir" -o type=ext4,part=2,mb=96,clone_fd \
	-o "log=$WORK/1.dmesg,opts=errors\\=continue\\,noatime" || fail "lklfuse"
findmnt -n -o FSTYPE "$dir" | grep -q fuse.lklusb || fail "not mounted"
echo text > "$dir/f" || fail "write"
grep -q "sda2.*mounted filesystem\|mounted filesystem.*sda2\|(sda2): mounted" "$WORK/1.dmesg" ||
	fail "which partition: $(cat "$WORK/1.dmesg")"
grep -qE "Memory: [0-9]+K/98304K" "$WORK/1.dmesg" || fail "mb: $(grep Memory "$WORK/1.dmesg")"
wait_for=$(server_of)
fusermount3 -u "$dir" || fail "fusermount3"
wait_gone "$wait_for"

# ro; the file comes last; in the foreground until it is unmounted
timeout -k 3 60 "$LKLUSB" lklfuse -f -s -o "ro,part=2,type=ext4,lock=$WORK/lock" "$img" "$dir" &
for i in $(seq 100); do mountpoint -q "$dir" && [ -e "$dir/f" ] && break; sleep 0.1; done
[ "$(cat "$dir/f")" = text ] || fail "read"
touch "$dir/x" 2> /dev/null && fail "ro"
flock -n "$WORK/lock" true && fail "lock="
fusermount3 -u "$dir" || fail "fusermount3"
wait $! || fail "lklfuse -f ended with $?"
flock -n "$WORK/lock" true || fail "lock= stays"

refused fs-damaged 32 "$lklfuse" "$img" "$dir" -o type=xfs,part=2
refused partition-missing 32 "$lklfuse" "$img" "$dir" -o type=ext4,part=3
refused lock 2 "$lklfuse" "$img" "$dir" -o type=ext4,part=2,lock=/nowhere/lock
"$lklfuse" --help | grep -q "^usage: lklfuse" || fail "help"
"$lklfuse" -V | grep -q "Linux 6" || fail "version"

# Every option of lklusb mount is a word of -o, too.
mount_stick "$img" -o "partition=2,virtio-blk,mem=64M,rw,threads=1"
"$LKLUSB" status -J "$dir" | grep -q '"transport": *"virtio-blk"' || fail "word virtio-blk"
umount_stick
refused usage 1 "$LKLUSB" mount -o speed=low "$img" "$dir"
