# SPDX-License-Identifier: GPL-2.0-only
# A device that lies or breaks (--filter fault:...). Whatever it does, lklusb ends
# within its time, and not by a signal.
. "$TOP/tests/whole/lib.bash"
LIMIT=90

fresh_image() {
	rm -f "$img"
	make_fs ext4 "$img" 20M
}

ended_well() {
	[ "$1" -lt 124 ] || { cat "$WORK/out"; fail "$fault: $2 ended with $1"; }
}

# Its log stays where tests/run looks for trouble.
try_mount() {
	fault=$1
	shift
	mounts=$((mounts + 1))
	timeout -k 3 $LIMIT "$LKLUSB" mount --kernel-log "$WORK/guest$mounts.dmesg" \
		--filter "fault:$fault" "$@" "$img" "$dir" > "$WORK/out" 2>&1
}

# survives FAULT [option...]: it mounts, and what was acknowledged is on the disk
survives() {
	local status
	fresh_image
	try_mount "$@" || { cat "$WORK/out"; fail "$fault: no mount"; }
	head -c 1M /dev/urandom > "$WORK/data"
	timeout -k 3 $LIMIT dd if="$WORK/data" of="$dir/data" bs=1M conv=fsync status=none \
		2> "$WORK/out"
	status=$?
	ended_well $status dd
	timeout -k 3 $LIMIT "$LKLUSB" umount -q "$dir" > "$WORK/out" 2>&1
	ended_well $? umount
	mountpoint -q "$dir" && fail "$fault: still mounted"
	check_fs ext4 "$img"
	[ $status = 0 ] || fail "$fault: a write was lost"
	debugfs -R 'cat /data' "$img" 2> /dev/null | cmp - "$WORK/data" ||
		fail "$fault: other data"
}

# fails FAULT CODE [option...]: an error, and the image is what it was
fails() {
	local name=$1 code=$2 before
	shift 2
	fresh_image
	before=$(sha256sum < "$img")
	try_mount "$name" "$@" && fail "$name: mounted"
	ended_well $? mount
	grep -q "\[$code\]" "$WORK/out" || { cat "$WORK/out"; fail "$name: no [$code]"; }
	mountpoint -q "$dir" && fail "$name: left a mount"
	[ "$before" = "$(sha256sum < "$img")" ] || fail "$name: the image has changed"
}
