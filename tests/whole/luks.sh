# SPDX-License-Identifier: GPL-2.0-only
# What cryptsetup encrypted is read, and what was written through the mount is decrypted
# by cryptsetup.
# variant: 1 512
# variant: 2 4096
# full variant: 2 1024
# full variant: 2 2048
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"
version=$1 sector=$2
key=$WORK/key
printf secret > "$key"

make_tree "$WORK/tree"
truncate -s 112M "$img"
mkfs.ext4 -q -F -b 4096 -d "$WORK/tree" "$img" 80M || fail mkfs
encrypt "$img" "$key" --sector-size "$sector"
[ "$version" = 2 ] || cryptsetup convert -q --type luks1 "$img" || fail convert
cryptsetup isLuks --type "luks$version" "$img" || fail "not what was asked for"
uuid=$(cryptsetup luksUUID "$img")
"$LKLUSB" list "$img" | grep -q "crypto_LUKS.*$uuid" || fail list

mount_stick "$img" --key-file "$key"
"$LKLUSB" status -J "$dir" | grep -q "\"encryption\":\"luks$version\"" || fail status
diff -r --no-dereference "$WORK/tree" "$dir" -x lost+found || fail "read"
make_tree "$dir/new"
cp -r "$dir/new" "$WORK/new"
umount_stick
mount_stick "$img" --key-file "$key" --uas --ro
diff -r "$WORK/new" "$dir/new" || fail "written"
umount_stick

[ "$version" = 2 ] || cryptsetup convert -q --type luks2 "$img" || fail "convert back"
decrypt "$img" "$key"
check_fs ext4 "$img"
debugfs -R "rdump /new $WORK/tree" "$img" 2> /dev/null
diff -r "$WORK/new" "$WORK/tree/new" || fail "cryptsetup reads something else"
