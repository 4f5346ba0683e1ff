# SPDX-License-Identifier: GPL-2.0-only
# Plain dm-crypt on a partition; OpenSSL finds the superblock where it should be.
. "$TOP/tests/whole/lib.bash"
printf 'pass phrase' > "$WORK/pass"
printf '#!/bin/sh\nexec cat %s\n' "$WORK/pass" > "$WORK/askpass"
chmod +x "$WORK/askpass"
head -c 40 /dev/urandom > "$WORK/key"
mount="$LKLUSB mount"
cipher="--plain aes-cbc-plain64 --hash sha256 --key-size 256 -p 1"

truncate -s 60M "$img"
printf 'label: gpt\nsize=20M\nsize=20M\n' | sfdisk -q "$img" || fail sfdisk

# crypt -e|-d KEY-HEX IV-HEX
crypt() {
	openssl enc "$1" -aes-256-cbc -nopad -K "$2" -iv "$3"
}

# A filesystem, encrypted sector by sector with what is to be read as key and IV.
truncate -s 4M "$WORK/fs"
mkfs.vfat -n INSIDE "$WORK/fs" > /dev/null || fail mkfs
hash=$(sha256sum < "$WORK/pass" | cut -d' ' -f1)
used=$(du -k "$WORK/fs" | cut -f1)
for s in $(seq 0 $((used * 2 - 1))); do
	iv=$(printf '%02x%02x0000000000000000000000000000' $((s & 255)) $((s >> 8)))
	dd if="$WORK/fs" bs=512 skip="$s" count=1 status=none | crypt -e "$hash" "$iv"
done > "$WORK/encrypted"
dd if="$WORK/encrypted" of="$img" bs=1M seek=1 conv=notrunc status=none

mount_stick "$img" $cipher --askpass "$WORK/askpass"
"$LKLUSB" status -J "$dir" | grep -q '"encryption":"plain"' || fail status
echo hello > "$dir/FILE.TXT" || fail "write"
umount_stick
head -c 1M < <(tail -c +1048577 "$img") > "$WORK/part"
dd if="$WORK/part" bs=512 count=1 status=none |
	crypt -d "$hash" 00000000000000000000000000000000 | grep -qa INSIDE || fail "superblock"
grep -qa INSIDE "$WORK/part" && fail "not encrypted"

# nothing tells a wrong passphrase, but that there is nothing
refused fs-unknown 32 $mount $cipher --askpass /bin/echo "$img" "$dir"
refused luks-unsupported 32 $mount --plain nonsense -p 1 --askpass "$WORK/askpass" "$img" "$dir"
refused crypt-device 32 $mount --plain aes-xts-plain64 --key-size 136 -p 1 \
	--askpass "$WORK/askpass" "$img" "$dir"
refused partition-ambiguous 1 $mount --plain aes-cbc-plain64 --askpass "$WORK/askpass" "$img" "$dir"

# a key file is the key itself, in a place that is shifted
hash=$(tail -c +9 "$WORK/key" | head -c 32 | od -An -tx1 | tr -d ' \n')
for s in $(seq 0 $((used * 2 - 1))); do
	iv=$(printf '%02x%02x0000000000000000000000000000' $(((s + 7) & 255)) $(((s + 7) >> 8)))
	dd if="$WORK/fs" bs=512 skip="$s" count=1 status=none | crypt -e "$hash" "$iv"
done > "$WORK/encrypted"
dd if="$WORK/encrypted" of="$img" bs=512 seek=$((2048 + 16)) conv=notrunc status=none
mount_stick "$img" $cipher --offset 16 --skip 7 --key-file "$WORK/key" --keyfile-offset 8
umount_stick
