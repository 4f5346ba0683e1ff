# SPDX-License-Identifier: GPL-2.0-only
# Partitions are found by number, label and UUID, in GPT and MBR, with logical ones,
# on sectors of 512 and 4096 bytes.
# variant: gpt 512
# variant: gpt 4096
# variant: dos 512
. "$TOP/tests/whole/lib.bash"
table=$1 sector=$2

# put_fs TYPE OFFSET-MiB SIZE label
put_fs() {
	local part=$WORK/part
	rm -f "$part"
	truncate -s 40M "$part"
	if [ "$1" = ext4 ]; then
		mkfs.ext4 -q -b 4096 -L "$3" "$part"
	else
		mkfs.vfat -S "$sector" -n "$3" "$part" > /dev/null
	fi || fail "mkfs"
	dd if="$part" of="$img" bs=1M seek="$2" conv=notrunc,sparse status=none
}

truncate -s 200M "$img"
unit=$((1048576 / sector))	# sectors of a MiB
if [ "$table" = gpt ]; then
	printf 'g\nn\n1\n%d\n+40M\nn\n2\n%d\n+40M\nw\n' $((1 * unit)) $((50 * unit)) |
		fdisk -b "$sector" "$img" > /dev/null || fail fdisk
	second=2
else
	{ echo "label: dos"
	  echo "start=$((1 * unit)), size=$((40 * unit)), type=83"
	  echo "start=$((49 * unit)), size=$((100 * unit)), type=5"
	  echo "start=$((50 * unit)), size=$((40 * unit)), type=c"
	} | sfdisk -q "$img" || fail sfdisk
	second=5
fi
put_fs ext4 1 DATA
put_fs vfat 50 CAMERA

list=$("$LKLUSB" list --sector-size "$sector" "$img") || fail list
echo "$list"
echo "$list" | grep -qE "^stick.img +1 +ext4 +DATA +40M" || fail "list: ext4"
echo "$list" | grep -qE "^stick.img +$second +vfat +CAMERA +40M" || fail "list: vfat"

json=$("$LKLUSB" list -J --sector-size "$sector" "$img")
uuid=$(echo "$json" | sed -n 's/.*"uuid": *"\([^"]*\)".*/\1/p' | head -1)
partuuid=$(echo "$json" | sed -n 's/.*"partuuid": *"\([^"]*\)".*/\1/p' | tail -1)
[ -n "$uuid" ] && [ -n "$partuuid" ] || fail "no UUIDs in $json"

refused partition-ambiguous 1 "$LKLUSB" mount --sector-size "$sector" "$img" "$dir"
refused partition-missing 32 "$LKLUSB" mount --sector-size "$sector" -p 9 "$img" "$dir"
refused partition-missing 32 "$LKLUSB" mount --sector-size "$sector" -p LABEL=NO "$img" "$dir"

for p in 1 LABEL=DATA "UUID=$uuid"; do
	mount_stick "$img" --sector-size "$sector" -p "$p"
	echo "$p" > "$dir/by" && [ "$(cat "$dir/by")" = "$p" ] || fail "-p $p"
	umount_stick
done
for p in $second LABEL=CAMERA "PARTUUID=$partuuid"; do
	mount_stick "$img" --sector-size "$sector" -p "$p"
	echo "$p" > "$dir/BY.TXT" || fail "-p $p"
	umount_stick
done

# A label is the stick's: it must not steer the terminal.
put_fs ext4 1 $'A\033[31mB\302\233C'
refused partition-ambiguous 1 "$LKLUSB" mount --sector-size "$sector" "$img" "$dir"
grep -q "LABEL=A?\[31mB??C" "$WORK/out" || { cat -v "$WORK/out"; fail "no line for the label"; }
"$LKLUSB" list --sector-size "$sector" "$img" > "$WORK/list" || fail "list: label"
if LC_ALL=C grep -qaP '\x1b|\xc2\x9b' "$WORK/out" "$WORK/list"; then fail "a label reaches the terminal"; fi
