# SPDX-License-Identifier: GPL-2.0-only
# LUKS images whose data cryptsetup itself encrypted and decrypted, in user space: the
# second implementation that ours is compared with.
# It wants a folder for locks that only root could make.
cryptsetup() {
	unshare -rm sh -c 'mount -t tmpfs none /run && exec cryptsetup "$@"' sh "$@"
}

cheap="--pbkdf pbkdf2 --pbkdf-force-iterations 1000"

# encrypt FILE KEY [options]: from a filesystem with 32 MiB free behind it
encrypt() {
	local file=$1 key=$2
	shift 2
	cryptsetup reencrypt --encrypt -q --reduce-device-size 32M $cheap --key-file "$key" \
		"$@" "$file" > "$WORK/cryptsetup.log" 2>&1 || { cat "$WORK/cryptsetup.log"; fail encrypt; }
}

# decrypt FILE KEY: back to a filesystem
decrypt() {
	rm -f "$WORK/exported"
	cryptsetup reencrypt --decrypt -q --force-offline-reencrypt --key-file "$2" \
		--header "$WORK/exported" "$1" > "$WORK/cryptsetup.log" 2>&1 ||
		{ cat "$WORK/cryptsetup.log"; fail decrypt; }
}

# luks_image FILE KEY [options]: ext4 with a file in it
luks_image() {
	truncate -s 60M "$1"
	mkdir -p "$WORK/in"
	echo inside > "$WORK/in/file"
	mkfs.ext4 -q -F -b 4096 -d "$WORK/in" "$1" 24M || fail mkfs
	encrypt "$@"
}

# opens IMAGE [options]: mounts, looks, unmounts
opens() {
	mount_stick "$@"
	[ "$(cat "$dir/file")" = inside ] || fail "not what is in there: $*"
	umount_stick
}

# luks_stick FILE KEY1 KEY2: two encrypted partitions, each an ext4 with its number in a file
luks_stick() {
	local n=0 key
	truncate -s 122M "$1"
	printf 'label: gpt\nsize=60M\nsize=60M\n' | sfdisk -q "$1" || fail sfdisk
	for key in "$2" "$3"; do
		n=$((n + 1))
		rm -f "$WORK/part"
		truncate -s 60M "$WORK/part"
		mkdir -p "$WORK/in"
		echo "inside $n" > "$WORK/in/file"
		mkfs.ext4 -q -F -b 4096 -d "$WORK/in" "$WORK/part" 24M || fail mkfs
		encrypt "$WORK/part" "$key"
		dd if="$WORK/part" of="$1" bs=1M seek=$((n * 60 - 59)) conv=notrunc,sparse status=none
	done
}
