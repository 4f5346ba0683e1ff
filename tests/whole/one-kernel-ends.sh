# SPDX-License-Identifier: GPL-2.0-only
# expects: kernel trouble
# Whatever ends the process ends all of its mounts, each with its report, and those of
# other sticks go on.
# variant: TERM
# variant: kill
# variant: panic
# variant: gone
# variant: foreground
. "$TOP/tests/whole/one-kernel.bash"
make_stick ext4 ext4
other=$WORK/mnt4
mkdir "$other"
make_fs vfat "$WORK/other.img" 50M
$mount "$WORK/other.img" "$other" || fail "the other stick"

# in_front SRC [options]: as this shell's child, which says on $WORK/err how it ends
in_front() {
	local src=$1
	shift
	"$LKLUSB" mount -f -p 1 "$@" "$src" "$dir" 2> "$WORK/err" &
	server=$!
	wait_until mountpoint -q "$dir"
	$mount -p 2 "$@" "$src" "$two" || fail "the second"
	[ "$server" = "$(server_of "$two")" ] || fail "another process"
}

# ended STATUS
ended() {
	wait_gone "$server"
	wait "$server"
	[ $? = "$1" ] || { cat "$WORK/err"; fail "exit status, not $1"; }
	gone "$dir" "$two"
}

case $1 in
TERM)
	in_front "$img"
	head -c 3000000 /dev/urandom | tee "$dir/data" > "$two/data"
	kill -TERM "$server"
	ended 0
	mount_both
	cmp "$dir/data" "$two/data" || fail data
	$umount -q --all "$dir" || fail "umount --all"
	;;
kill)
	in_front "$img"
	kill -9 "$server"
	wait_gone "$server"
	for d in "$dir" "$two"; do
		wait_unmounted "$d"
	done
	gone "$dir" "$two"
	mount_both
	umount_stick "$two"
	umount_stick
	;;
panic)
	in_front "$img" -o errors=panic
	mkdir "$two/victim"
	for i in $(seq 300); do
		echo "$i" > "$two/victim/a-rather-long-file-name-number-$i"
	done
	$umount -q --all "$dir" || fail umount
	ended 0
	dd if="$img" of="$WORK/part" bs=1M skip=51 count=50 status=none
	block=$(debugfs -R 'blocks /victim' "$WORK/part" 2>/dev/null | awk '{ print $1 }')
	[ -n "$block" ] || fail debugfs
	dd if=/dev/urandom of="$img" bs=4096 seek=$((51 * 256 + block)) count=1 conv=notrunc \
		status=none
	in_front "$img" -o errors=panic
	timeout 20 ls "$two/victim" > /dev/null 2>&1 && fail "a damaged folder was listed"
	ended 32
	grep -q '\[kernel-panic\]' "$WORK/err" || { cat "$WORK/err"; fail "no [kernel-panic]"; }
	;;
gone)
	"$LKLUSB" export --listen 127.0.0.1:0 "$img" > "$WORK/export" 2>&1 &
	export=$!
	wait_until grep -q 127.0.0.1: "$WORK/export"
	port=$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' "$WORK/export" | head -1)
	in_front "usbip://127.0.0.1:$port/1-1"
	kill -9 $export
	ended 32
	[ "$(grep -c '\[device-gone\]' "$WORK/err")" = 2 ] ||
		{ cat "$WORK/err"; fail "not a report for each"; }
	;;
foreground)
	# The second process stays, too, and ends its mount and no other.
	mount_stick "$img" -p 1
	server=$(server_of)
	"$LKLUSB" mount -f --kernel-log "$WORK/guest1.dmesg" -p 2 "$img" "$two" &
	client=$!
	wait_until mountpoint -q "$two"
	echo data > "$two/data" || fail "written to the second"
	[ "$(server_of "$two")" = "$server" ] || fail "another process"
	kill -TERM $client
	wait $client || fail "exit status $?"
	gone "$two"
	ls "$dir" > /dev/null || fail "the first ended, too"
	"$LKLUSB" mount -f --kernel-log "$WORK/guest1.dmesg" -p 2 "$img" "$two" &
	client=$!
	wait_until mountpoint -q "$two"
	grep -q data "$two/data" || fail "what was written before SIGTERM"
	$umount -q "$two" || fail umount
	wait $client || fail "exit status $?"
	umount_stick
	wait_gone "$server"
	;;
esac
ls "$other" > /dev/null || fail "the other stick's mount ended, too"
umount_stick "$other"
