# SPDX-License-Identifier: GPL-2.0-only
# Every way to give a key, each of several slots; wrong ones are refused and said to be.
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
key=$WORK/key
printf secret > "$key"
luks_image "$img" "$key"
mount="$LKLUSB mount"

# three slots, one of them with Argon2id, one with all bytes that there are
{ head -c 1000 /dev/urandom; printf 'second\nkey'; head -c 77 /dev/urandom; } > "$WORK/long"
tail -c +1001 "$WORK/long" | head -c 10 > "$WORK/second"
head -c 3000 /dev/urandom > "$WORK/third"
cryptsetup luksAddKey -q $cheap --key-file "$key" "$img" "$WORK/second" || fail luksAddKey
cryptsetup luksAddKey -q --pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 65536 \
	--key-file "$key" "$img" "$WORK/third" || fail "luksAddKey, Argon2id"

opens "$img" --key-file "$key"
opens "$img" --key-file "$WORK/second"
opens "$img" --key-file "$WORK/third"
opens "$img" --key-file "$WORK/long" --keyfile-offset 1000 --keyfile-size 10
opens "$img" --key-fd 9 9< "$key"
opens "$img" --key-fd 9 --keyfile-offset 1000 --keyfile-size 10 9< <(cat "$WORK/long")
opens "$img" --virtio-blk --key-file "$key"

refused luks-key 32 $mount --key-file "$WORK/long" "$img" "$dir"
refused luks-key 32 $mount --key-file "$WORK/long" --keyfile-offset 1000 "$img" "$dir"
refused key-file 1 $mount --key-file "$WORK/none" "$img" "$dir"
refused key-file 1 $mount --key-fd 19 "$img" "$dir"
refused key-file 1 $mount --key-fd x "$img" "$dir"
refused key-file 1 $mount --key-file "$key" --keyfile-offset 1000 "$img" "$dir"
refused usage 1 $mount --keyfile-offset -1 "$img" "$dir"
refused usage 1 $mount --key-size 7 "$img" "$dir"

# programs that ask
printf '#!/bin/sh\necho "$1" > %s\necho secret\n' "$WORK/asked" > "$WORK/askpass"
printf '#!/bin/sh\necho wrong\n' > "$WORK/wrong"
chmod +x "$WORK/askpass" "$WORK/wrong"
opens "$img" --askpass "$WORK/askpass"
grep -q "^Passphrase for the disk (LUKS $(cryptsetup luksUUID "$img")):$" "$WORK/asked" ||
	fail "asked for $(cat "$WORK/asked")"
refused luks-key 32 $mount --askpass "$WORK/wrong" "$img" "$dir"
refused luks-cancelled 32 $mount --askpass /bin/false "$img" "$dir"
refused key-file 1 $mount --askpass "$WORK/no-program" "$img" "$dir"

# a key of the kernel
keyctl session - bash -c "
	keyctl padd user lklusb-test @s < '$key' > /dev/null &&
	timeout 20 $mount --keyring lklusb-test '$img' '$dir'" || fail keyring
umount_stick
refused key-file 1 $mount --keyring lklusb-none "$img" "$dir"

# nobody to ask
refused luks-passphrase 32 setsid -w $mount "$img" "$dir"
