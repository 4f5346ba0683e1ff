# SPDX-License-Identifier: GPL-2.0-only
# Filesystems that were not unmounted, with features that Linux does not know, of foreign
# kinds; a GPT with a hybrid MBR. Each with its message.
# limit: 240
. "$TOP/tests/whole/lib.bash"
mount="$LKLUSB mount"

# A journal is replayed, or left alone if that is wanted; with --ro neither happens by itself.
for type in ext4 xfs btrfs; do
	rm -f "$img"
	make_fs $type "$img" "$(fs_size $type)"
	mount_stick "$img"
	echo before > "$dir/file" && sync "$dir/file" || fail "write"
	mkdir "$dir/new" && echo new > "$dir/new/file" && sync "$dir/new/file" || fail "write"
	server=$(server_of)
	kill -KILL "$server"
	wait_gone "$server"
	fusermount3 -u "$dir" 2> /dev/null
	cp --sparse=always "$img" "$WORK/dirty.img"
	refused fs-dirty 32 $mount --ro "$img" "$dir"
	grep -q 'hint: .*--no-replay' "$WORK/out" || { cat "$WORK/out"; fail "no hint"; }
	mount_stick "$img" --no-replay
	touch "$dir/x" 2> /dev/null && fail "written without replay"
	umount_stick
	cmp "$img" "$WORK/dirty.img" || fail "$type was written to"
	mount_stick "$img"
	[ "$(cat "$dir/new/file")" = new ] || fail "$type was not replayed"
	umount_stick
	check_fs $type "$img"
done

# Dirty NTFS can be read.
rm "$img"
make_fs ntfs "$img" 20M
ntfsfix "$img" > /dev/null || fail ntfsfix
$mount --kernel-log "$WORK/ntfs.log" "$img" "$dir" 2> "$WORK/out" || { cat "$WORK/out"; fail "dirty NTFS"; }
grep -q 'dirty; mounted read-only \[fs-dirty\]' "$WORK/out" || { cat "$WORK/out"; fail "no [fs-dirty]"; }
touch "$dir/x" 2> /dev/null && fail "written to dirty NTFS"
umount_stick
mount_stick "$img" -o force
touch "$dir/x" || fail "-o force"
umount_stick

# features: of the kind that forbids writing, and of the one that forbids everything
rm "$img"
make_fs ext4 "$img" 20M
cp "$img" "$WORK/incompat.img"
debugfs -w -R 'ssv feature_ro_compat 0x4000046b' "$img" 2> /dev/null
refused fs-readonly 32 $mount "$img" "$dir"
mount_stick "$img" --ro
umount_stick
debugfs -w -R 'ssv feature_incompat 0x400002c2' "$WORK/incompat.img" 2> /dev/null
refused fs-feature 32 $mount "$WORK/incompat.img" "$dir"
refused fs-feature 32 $mount --ro "$WORK/incompat.img" "$dir"

# the other byte order; what Linux has, but we do not mount
mkdir "$WORK/in"
mksquashfs "$WORK/in" "$WORK/squash.img" -quiet -no-progress > /dev/null || fail mksquashfs
printf sqsh | dd of="$WORK/squash.img" conv=notrunc status=none
timeout 20 $mount "$WORK/squash.img" "$dir" > "$WORK/out" 2>&1 && fail "a foreign byte order"
grep -Eq '\[fs-(unknown|unsupported|damaged)\]' "$WORK/out" || { cat "$WORK/out"; fail "no code"; }
truncate -s 10M "$WORK/swap.img"
mkswap "$WORK/swap.img" > /dev/null 2>&1 || fail mkswap
refused fs-unsupported 32 $mount "$WORK/swap.img" "$dir"

# A GPT whose MBR has a partition of its own besides the protective one: GPT counts.
rm "$img"
truncate -s 40M "$img"
printf 'label: gpt\nsize=10M\nsize=20M\n' | sfdisk -q "$img" || fail sfdisk
make_fs ext4 "$WORK/part" 20M
dd if="$WORK/part" of="$img" bs=1M seek=11 conv=notrunc status=none
python3 - "$img" <<'END'
import struct, sys
with open(sys.argv[1], 'r+b') as f:
    f.seek(446 + 16)
    f.write(struct.pack('<B3sB3sII', 0x80, b'\0' * 3, 0x0c, b'\0' * 3, 2048, 20480))
END
"$LKLUSB" list "$img" > "$WORK/list" || fail list
[ "$(grep -c '^stick.img' "$WORK/list")" = 2 ] && grep -Eq '^stick.img +2 +ext4' "$WORK/list" ||
	{ cat "$WORK/list"; fail "hybrid table"; }
mount_stick "$img" -p 2
umount_stick
# ntfs3 and ext4 complain, rightly: not what tests/run should look for.
rm -f "$WORK"/guest*.dmesg
exit 0
