# SPDX-License-Identifier: GPL-2.0-only
# Logical volumes that are not all here, not of a type that we map, or whose metadata are
# damaged are refused and said to be; one copy of the metadata that is sound will do.
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/disks.bash"
mount="$LKLUSB mount"
other=$WORK/other.img
truncate -s 40M "$img" "$other"

on_disks "$img" "$other" <<END
pvcreate -q --metadatacopies 2 /dev/ubda
pvcreate -q /dev/ubdb
vgcreate -q -s 1M group /dev/ubda /dev/ubdb
lv -l 30 -n here group /dev/ubda
lv -l 30 -n there group /dev/ubdb
lv -l 4 -i 2 -I 64k -n both group
$lvm_map
pvs --noheadings -o pv_uuid /dev/ubdb > "$WORK/uuid"
END
truncate -s 30M "$WORK/fs"
mkfs.ext4 -q -b 4096 -L inside "$WORK/fs" || fail mkfs
lvm_copy in group/here "$WORK/fs" "$img" "$other"

refused lvm-incomplete 32 $mount --lv group/there "$img" "$dir"
grep -q "$(tr -d ' -' < "$WORK/uuid") is not here" "$WORK/out" || { cat "$WORK/out"; fail "which?"; }
refused lvm-incomplete 32 $mount --lv both "$img" "$dir"
mount_stick "$img" --lv here
umount_stick
# only what can be shown is shown
"$LKLUSB" list "$img" > "$WORK/list" || fail list
cat "$WORK/list"
grep -Eq '^group/here +lv +ext4 +inside +30M ' "$WORK/list" || fail "list: here"
grep -Eq '^group/there +lv +incomplete +- +30M ' "$WORK/list" || fail "list: there"
"$LKLUSB" list -J "$img" | python3 -c '
import json, sys
v = {v["volume"]: v for v in json.load(sys.stdin)["volumes"]}
assert v["group/here"]["type"] == "ext4" and v["group/here"]["mountable"], v
assert v["group/both"]["segments"] == "striped" and not v["group/both"]["mountable"], v
assert v["group/there"]["type"] is None and v["group/there"]["size"] == 30 << 20, v
' || fail "list -J"

# the first copy of the metadata is damaged, then the second, then the label
cp "$img" "$WORK/bad.img"
poke() {
	printf '\377' | dd of="$WORK/bad.img" bs=1 seek="$1" conv=notrunc status=none
}
poke 4100
mount_stick "$WORK/bad.img" --lv here
umount_stick
truncate -s $((39 * 1024 * 1024)) "$WORK/bad.img"
refused lvm-damaged 32 $mount --lv here "$WORK/bad.img" "$dir"
cp "$img" "$WORK/bad.img"
poke 600
refused fs-unknown 32 $mount "$WORK/bad.img" "$dir"
refused lv-missing 32 $mount --lv here "$WORK/fs" "$dir"

# A stick that says twice to be the same
truncate -s 100M "$WORK/twice.img"
printf 'label: gpt\nsize=40M\nsize=40M\n' | sfdisk -q "$WORK/twice.img" || fail sfdisk
dd if="$img" of="$WORK/twice.img" bs=1M seek=1 conv=notrunc status=none
dd if="$img" of="$WORK/twice.img" bs=1M seek=41 conv=notrunc status=none
refused lvm-damaged 32 $mount --lv here "$WORK/twice.img" "$dir"

# Other types. lvm2 itself checks and writes what is added to its text here; the data of such
# volumes do not matter.
on_disks "$img" "$other" <<END
vgremove -q -f group
vgcreate -q -s 1M group /dev/ubda /dev/ubdb
lv -l 30 -n old group /dev/ubda
vgcfgbackup -q -f $WORK/text group
$lvm_map
END
python3 - "$WORK/text" <<'END' || fail "adding volumes"
import re, sys

def volume(name, number, extents, body, visible=True):
    return (name + ' {\nid = "%06d-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa"\n' % number +
            'status = ["READ", "WRITE"%s]\nflags = []\nsegment_count = 1\n' %
            (', "VISIBLE"' if visible else '') +
            'segment1 {\nstart_extent = 0\nextent_count = %d\n%s\n}\n}\n' % (extents, body))

def plain(name, number, extents, at, visible=False):
    return volume(name, number, extents, 'type = "striped"\nstripe_count = 1\n'
                  'stripes = ["pv1", %d]' % at, visible)

added = ''.join([
    plain('cow', 1, 4, 0, True),
    volume('snapshot0', 2, 30, 'type = "snapshot"\nchunk_size = 8\norigin = "old"\n'
           'cow_store = "cow"', False),
    plain('pool_tmeta', 3, 2, 4), plain('pool_tdata', 4, 4, 6),
    volume('pool', 5, 4, 'type = "thin-pool"\nmetadata = "pool_tmeta"\npool = "pool_tdata"\n'
           'transaction_id = 1\nchunk_size = 128\ndiscards = "passdown"\nzero_new_blocks = 1'),
    volume('thin', 6, 9, 'type = "thin"\nthin_pool = "pool"\ntransaction_id = 0\ndevice_id = 1'),
    plain('raid_rmeta_0', 7, 1, 10), plain('raid_rimage_0', 8, 2, 11),
    plain('raid_rmeta_1', 9, 1, 13), plain('raid_rimage_1', 10, 2, 14),
    volume('raid', 11, 2, 'type = "raid1"\ndevice_count = 2\nregion_size = 1024\nraids = ['
           '"raid_rmeta_0", "raid_rimage_0", "raid_rmeta_1", "raid_rimage_1"]'),
])
text = open(sys.argv[1]).read()
text, n = re.subn(r'(logical_volumes \{)', lambda m: m[1] + '\n' + added, text)
assert n == 1
open(sys.argv[1], 'w').write(text)
END
on_disks "$img" "$other" <<END
vgcfgrestore -q --force -f $WORK/text group
lvs -a -o lv_name,segtype group > $WORK/types
END
for type in 'old *linear' 'thin *thin' 'pool *thin-pool' 'raid *raid1'; do
	grep -q "$type" "$WORK/types" || { cat "$WORK/types"; fail "lvm2 does not see $type"; }
done
lvm_copy in group/old "$WORK/fs" "$img" "$other"
for lv in thin pool raid cow; do
	refused lvm-unsupported 32 $mount --lv group/$lv "$img" "$dir"
done
grep -q 'part of other' "$WORK/out" || fail "cow is part of a snapshot"
# Written to, it would change what the snapshot shows.
refused lvm-unsupported 32 $mount --lv old "$img" "$dir"
mount_stick "$img" --ro --lv old
umount_stick
# Those that have no name in the group are nobody's to choose.
refused lv-ambiguous 1 $mount "$img" "$dir"
grep -Eq -- '--lv group/thin .* thin$' "$WORK/out" || fail "no type in the list"
if grep -q 'rimage\|snapshot0' "$WORK/out"; then cat "$WORK/out"; fail "hidden volumes are listed"; fi
