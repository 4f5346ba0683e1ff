# SPDX-License-Identifier: GPL-2.0-only
# One volume group in several encrypted parts: all that the volume needs are unlocked, with
# the passphrase that was right for another one first, and those that are of no use are left
# alone; lvm2 and cryptsetup see what was written.
# full variant: partitions
# variant: sticks
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
. "$TOP/tests/whole/disks.bash"
. "$TOP/tests/whole/terminal.bash"
key=$WORK/key
printf 'secret' > "$key"
printf 'second secret' > "$WORK/key2"
make_tree "$WORK/tree"
a=$WORK/a b=$WORK/b
truncate -s 50M "$a" "$b"

# lvm2 has them in the clear; "lin" is on both, "str" in stripes, "one" is on the first.
on_disks "$a" "$b" <<END
pvcreate -q /dev/ubda /dev/ubdb
vgcreate -q -s 1M group /dev/ubda /dev/ubdb
lv -l 20 -n lin group /dev/ubda
lvextend -q -l +20 group/lin /dev/ubdb
lv -i 2 -I 64k -l 20 -n str group
lv -l 12 -n one group /dev/ubda
$lvm_map
END
truncate -s 40M "$WORK/lin"
truncate -s 12M "$WORK/one"
truncate -s 20M "$WORK/str"
mkfs.ext4 -q -b 4096 -d "$WORK/tree" "$WORK/lin" || fail mkfs
mkfs.ext4 -q "$WORK/one" || fail mkfs
mkfs.vfat "$WORK/str" > /dev/null || fail mkfs
for lv in lin one str; do
	lvm_copy in group/$lv "$WORK/$lv" "$a" "$b"
done
truncate -s 82M "$a" "$b"
encrypt "$a" "$key"
encrypt "$b" "$key"
cryptsetup luksAddKey -q $cheap --key-file "$key" "$b" "$WORK/key2" || fail luksAddKey
# neither of the group nor of this key
luks_image "$WORK/c" "$WORK/key2"

if [ "$1" = sticks ]; then
	images=("$a" "$WORK/c" "$b")
else
	images=("$img")
	truncate -s 226M "$img"
	printf 'label: gpt\nsize=82M\nsize=60M\nsize=82M\n' | sfdisk -q "$img" || fail sfdisk
	at=1
	for part in "$a" "$WORK/c" "$b"; do
		dd if="$part" of="$img" bs=1M seek=$at conv=notrunc,sparse status=none
		at=$((at + $(stat -c %s "$part") / 1048576))
	done
fi

refused partition-ambiguous 1 "$LKLUSB" mount --key-file "$key" "${images[@]}" "$dir"
mount_stick "${images[@]}" --key-file "$key" --lv group/lin 2> "$WORK/out"
grep -q '\[luks-key\]' "$WORK/out" || { cat "$WORK/out"; fail "the foreign part was not tried"; }
diff -r --no-dereference "$WORK/tree" "$dir" -x lost+found || fail "read"
cp -r "$WORK/tree/a" "$dir/new" || fail "write"
"$LKLUSB" status -J "$dir" | grep -q '"encryption":"luks2"' || fail status
"$LKLUSB" status -J "$dir" | grep -q '"volume":"group/lin"' || fail status
# Another volume on the same parts: nobody is asked again, and either may end first.
mkdir "$WORK/mnt2"
server=$(server_of)
for first in "$dir" "$WORK/mnt2"; do
	other=$dir
	[ "$first" = "$dir" ] && other=$WORK/mnt2
	setsid -w "$LKLUSB" mount --kernel-log "$WORK/guest$mounts.dmesg" --lv group/str \
		"${images[@]}" "$WORK/mnt2" || fail "another volume"
	[ "$(server_of "$WORK/mnt2")" = "$server" ] || fail "another process"
	echo "$first" > "$WORK/mnt2/first" || fail "write to another volume"
	umount_stick "$first"
	ls "$other" > /dev/null && [ "$(server_of "$other")" = "$server" ] || fail "it ended, too"
	[ "$first" != "$dir" ] && continue
	grep -q . "$WORK/mnt2/first" || fail "what was written"
	setsid -w "$LKLUSB" mount --kernel-log "$WORK/guest$mounts.dmesg" --lv group/lin \
		"${images[@]}" "$dir" || fail "the first again"
	umount_stick "$WORK/mnt2"
done
umount_stick
wait_gone "$server"
dir=$WORK/mnt2 refused luks-passphrase 32 setsid -w "$LKLUSB" mount --lv group/str "${images[@]}" "$WORK/mnt2"
# from the other end, over UAS; and one that needs no other part
last=$([ "$1" = sticks ] && cryptsetup luksUUID "$b" | sed s/^/UUID=/ || echo 3)
mount_stick "${images[@]}" --uas --key-file "$key" -p "$last" --lv group/str 2> /dev/null
cp "$WORK/tree/a/b/big" "$dir/BIG" || fail "write"
umount_stick
mount_stick "${images[@]}" --key-file "$key" --lv group/one 2> "$WORK/out"
[ "$1" = sticks ] || [ ! -s "$WORK/out" ] ||	# there the foreign one comes first
	{ cat "$WORK/out"; fail "a part that is of no use was tried"; }
umount_stick
refused lv-missing 32 "$LKLUSB" mount --key-file "$key" --lv group/none "${images[@]}" "$dir"
refused lvm-incomplete 32 "$LKLUSB" mount --key-file "$key" --lv group/lin "${a}" "$dir"

# The passphrase is typed once; what it does not open is asked for.
sources="${images[*]}"
on_terminal "$LKLUSB mount --lv group/lin $sources $dir"
shown 'Passphrase for'
echo secret >&9
shown 'Passphrase for' 2
echo 'second secret' >&9
finish 0
[ "$(grep -c 'Passphrase for' "$WORK/shown")" = 2 ] || { cat "$WORK/shown"; fail "asked again"; }
[ -e "$dir/new/f1" ] || fail "not mounted"
umount_stick

if [ "$1" = sticks ]; then
	decrypt "$a" "$key"
	decrypt "$b" "$key"
	lvm_has "$WORK/tree/a" "$WORK/tree/a/b/big" group/str "$a" "$b"
fi
