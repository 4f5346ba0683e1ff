# SPDX-License-Identifier: GPL-2.0-only
# lklusb cp out of LUKS, out of a logical volume, and out of one in the other, in each order;
# several encrypted parts of one group; the source is not written to.
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
. "$TOP/tests/whole/disks.bash"
. "$TOP/tests/whole/terminal.bash"
key=$WORK/key
to=$WORK/to
printf 'secret' > "$key"
mkdir "$to"
make_tree "$WORK/tree"

# copied IMAGE options...: all of the tree arrives
copied() {
	local image=$1 sum
	shift
	sum=$(stat -c %y "$image")
	rm -rf "$to/a"
	timeout -k 3 60 "$LKLUSB" cp "$@" -a "$image:/a" "$to" > "$WORK/out" 2>&1 ||
		{ cat "$WORK/out"; fail "cp $* $image"; }
	diff -r "$WORK/tree/a" "$to/a" || fail "differs: $* $image"
	[ "$(stat -c %y "$image")" = "$sum" ] || fail "the image was written to"
}

# a group with a filesystem in "lin", over both partitions, and one that becomes LUKS
truncate -s 124M "$img"
printf 'label: gpt\nsize=60M\nsize=60M\n' | sfdisk -q "$img" || fail sfdisk
on_disks "$img" <<END
pvcreate -q /dev/ubda1 /dev/ubda2
vgcreate -q -s 1M group /dev/ubda1 /dev/ubda2
lv -l 15 -n lin group /dev/ubda1
lvextend -q -l +7 group/lin /dev/ubda2
lv -l 44 -n crypt group /dev/ubda2 /dev/ubda1
lv -l 43 -n rest group
$lvm_map
END
truncate -s 22M "$WORK/lin"
mkfs.ext4 -q -b 4096 -d "$WORK/tree" "$WORK/lin" || fail mkfs
truncate -s 44M "$WORK/crypt"
mkfs.ext4 -q -b 4096 -O ^has_journal -d "$WORK/tree" "$WORK/crypt" 12M || fail mkfs
encrypt "$WORK/crypt" "$key"
lvm_copy in group/lin "$WORK/lin" "$img"
lvm_copy in group/crypt "$WORK/crypt" "$img"

copied "$img" --lv group/lin
copied "$img" --lv crypt --key-file "$key" --uas
refused lv-ambiguous 1 "$LKLUSB" cp "$img:/a" "$to"
refused luks-key 32 "$LKLUSB" cp --lv crypt --key-file "$WORK/tree/a/f511" -r "$img:/a" "$to"
on_terminal "$LKLUSB cp -r --lv crypt '$img:/empty' $to"
shown 'Passphrase for group/crypt'
echo secret >&9
finish 0
[ -d "$to/empty" ] || fail "not copied"

# LUKS, and the group in LUKS, in a partition each
luks_image "$WORK/luks.img" "$key"
timeout -k 3 60 "$LKLUSB" cp --key-file "$key" "$WORK/luks.img:/file" "$to/one" || fail "cp out of LUKS"
[ "$(cat "$to/one")" = inside ] || fail "not what is in there"
for n in 1 2; do
	dd if="$img" of="$WORK/part$n" bs=1M skip=$((n * 60 - 59)) count=60 status=none
	truncate -s 92M "$WORK/part$n"
	encrypt "$WORK/part$n" "$key"
done
truncate -s 188M "$WORK/both.img"
printf 'label: gpt\nsize=92M\nsize=92M\n' | sfdisk -q "$WORK/both.img" || fail sfdisk
for n in 1 2; do
	dd if="$WORK/part$n" of="$WORK/both.img" bs=1M seek=$((n * 92 - 91)) conv=notrunc,sparse status=none
done
copied "$WORK/both.img" --lv group/lin --key-file "$key"
copied "$WORK/both.img" --lv group/crypt --key-file "$key"
