# SPDX-License-Identifier: GPL-2.0-only
# What is in logical volumes of lvm2 is read, and what was written through the mount is
# where lvm2 says: linear in pieces and striped, on partitions, on two sticks, in LUKS. (The
# matrix has a whole disk, and LUKS in a logical volume.)
# variant: partitions
# variant: sticks
# variant: luks
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
. "$TOP/tests/whole/disks.bash"
key=$WORK/key
printf secret > "$key"
make_tree "$WORK/tree"
options=() pvs=/dev/ubda images=("$img")
truncate -s 140M "$img"
if [ "$1" = sticks ]; then
	images+=("$WORK/other.img")
	truncate -s 60M "${images[@]}"
	pvs='/dev/ubda /dev/ubdb'
fi
if [ "$1" = partitions ]; then
	printf 'label: gpt\nsize=70M\nsize=60M\n' | sfdisk -q "$img" || fail sfdisk
	pvs='/dev/ubda1 /dev/ubda2'
fi

# "lin" is in three pieces, and on both partitions if there are two
on_disks "${images[@]}" <<END
pvcreate -q $pvs
vgcreate -q -s 1M group $pvs
lv -l 20 -n lin group
lv -l 4 -n between group
lv $([[ $pvs = *\ * ]] && echo -i 2 -I 64k) -l 16 -n str.2 group
lvreduce -q -f -l 2 group/between
lvextend -q -l +2 group/lin ${pvs%% *}:22-23
lvextend -q -l +40 group/lin
$lvm_map
END
[ "$(grep -c '|lin|' "$WORK/lvs")" -ge 3 ] || { cat "$WORK/lvs"; fail "lin is in too few pieces"; }

truncate -s 62M "$WORK/lin"
mkfs.ext4 -q -b 4096 -d "$WORK/tree" "$WORK/lin" || fail mkfs
truncate -s 16M "$WORK/str"
mkfs.vfat -n STRIPED "$WORK/str" > /dev/null || fail mkfs
lvm_copy in group/lin "$WORK/lin" "${images[@]}"
lvm_copy in group/str.2 "$WORK/str" "${images[@]}"
if [ "$1" = luks ]; then
	truncate -s 172M "$img"
	encrypt "$img" "$key"
	options=(--key-file "$key")
fi

refused lv-ambiguous 1 "$LKLUSB" mount "${options[@]}" "${images[@]}" "$dir"
for name in group/lin group/str.2 group/between; do
	grep -q -- "^ *--lv $name " "$WORK/out" || { cat "$WORK/out"; fail "$name is not listed"; }
done
refused lv-missing 32 "$LKLUSB" mount "${options[@]}" --lv group/none "${images[@]}" "$dir"
grep -q -- "^ *--lv group/lin " "$WORK/out" || { cat "$WORK/out"; fail "not listed"; }

mount_stick "${images[@]}" --lv group/lin "${options[@]}"
diff -r --no-dereference "$WORK/tree" "$dir" -x lost+found || fail "read"
make_tree "$dir/new"
cp -r "$dir/new" "$WORK/new"
if [ "$1" = partitions ]; then
	# both at once, each of them once
	mkdir "$WORK/mnt2" "$WORK/mnt3"
	more="timeout -k 3 20 $LKLUSB mount --kernel-log $WORK/guest$mounts.dmesg"
	$more --lv group/lin "$img" "$WORK/mnt3" 2> "$WORK/out" &&
		fail "mounted twice"
	grep -q '\[already-mounted\]' "$WORK/out" || { cat "$WORK/out"; fail "no [already-mounted]"; }
	$more --lv group/str.2 "$img" "$WORK/mnt2" || fail "second volume"
	[ "$(server_of)" = "$(server_of "$WORK/mnt2")" ] || fail "two processes"
	umount_stick "$WORK/mnt2"
fi
umount_stick
mount_stick "${images[@]}" --lv str.2 --uas "${options[@]}"
cp "$WORK/tree/a/b/big" "$dir/BIG" || fail "write"
umount_stick

[ "$1" != luks ] || decrypt "$img" "$key"
lvm_has "$WORK/new" "$WORK/tree/a/b/big" group/str.2 "${images[@]}"
on_disks "${images[@]}" <<< 'vgck group'
