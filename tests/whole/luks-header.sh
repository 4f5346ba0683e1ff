# SPDX-License-Identifier: GPL-2.0-only
# Headers in a file of their own, longer than usual, or damaged.
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
key=$WORK/key
printf secret > "$key"
mount="$LKLUSB mount"
head -c 3000 /dev/urandom > "$WORK/wrong"
luks_image "$img" "$key"

# detached: nothing on the disk says that it is encrypted
cryptsetup luksHeaderBackup -q --header-backup-file "$WORK/header" "$img" || fail backup
cp "$img" "$WORK/bare.img"
dd if=/dev/urandom of="$WORK/bare.img" bs=1M count=15 conv=notrunc status=none
refused fs-unknown 32 $mount --key-file "$key" "$WORK/bare.img" "$dir"
opens "$WORK/bare.img" --header "$WORK/header" --key-file "$key"
cmp -n 8192 "$WORK/header" "$img" || fail "the header was written to"
refused luks-key 32 $mount --header "$WORK/header" --key-file "$WORK/wrong" "$WORK/bare.img" "$dir"
refused luks-header 32 $mount --header "$key" --key-file "$key" "$WORK/bare.img" "$dir"
refused luks-header 1 $mount --header "$WORK/none" --key-file "$key" "$WORK/bare.img" "$dir"

# metadata that fill what is copied first: more of the header is
truncate -s 90M "$WORK/far.img"
mkfs.ext4 -q -F -b 4096 -d "$WORK/in" "$WORK/far.img" 24M || fail mkfs
cryptsetup reencrypt --encrypt -q --reduce-device-size 64M $cheap --key-file "$key" \
	--luks2-metadata-size 4M --luks2-keyslots-size 16M "$WORK/far.img" > "$WORK/log" 2>&1 ||
	{ cat "$WORK/log"; fail far; }
opens "$WORK/far.img" --key-file "$key"

# one of two copies of the metadata is damaged
cp "$img" "$WORK/half.img"
dd if=/dev/zero of="$WORK/half.img" bs=1 seek=4300 count=100 conv=notrunc status=none
opens "$WORK/half.img" --key-file "$key"
# both are
dd if=/dev/zero of="$WORK/half.img" bs=1 seek=20684 count=100 conv=notrunc status=none
refused luks-header 32 $mount --key-file "$key" "$WORK/half.img" "$dir"
# a wrong passphrase is nothing of the kind
refused luks-key 32 $mount --key-file "$WORK/wrong" "$img" "$dir"

cryptsetup convert -q --type luks1 "$img" || fail convert
cp "$img" "$WORK/one.img"
dd if=/dev/urandom of="$img" bs=1 seek=72 count=30 conv=notrunc status=none
refused luks-header 32 $mount --key-file "$key" "$img" "$dir"
printf 'enigma\0' | dd of="$WORK/one.img" bs=1 seek=8 conv=notrunc status=none
refused luks-unsupported 32 $mount --key-file "$key" "$WORK/one.img" "$dir"
# shorter than its header says
luks_image "$WORK/short.img" "$key"
truncate -s 10M "$WORK/short.img"
refused luks-header 32 $mount --key-file "$key" "$WORK/short.img" "$dir"

# a reencryption that was interrupted is cryptsetup's to finish
luks_image "$WORK/again.img" "$key"
cryptsetup reencrypt -q --init-only --resilience none $cheap --key-file "$key" --force-offline-reencrypt \
	"$WORK/again.img" > "$WORK/log" 2>&1 || { cat "$WORK/log"; fail init-only; }
refused luks-unsupported 32 $mount --key-file "$key" "$WORK/again.img" "$dir"
