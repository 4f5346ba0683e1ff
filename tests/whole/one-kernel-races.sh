# SPDX-License-Identifier: GPL-2.0-only
# Mounts and unmounts of one stick at the same time: nobody hangs, and each outcome is a
# right one.
# variant: mounts
# variant: ends
# variant: clients
. "$TOP/tests/whole/one-kernel.bash"
make_stick

both_or_fail() {
	wait "$1" || fail "the first: $(cat "$WORK/out1")"
	wait "$2" || fail "the second: $(cat "$WORK/out2")"
}

# at_once COMMAND... -- COMMAND...: sets $one and $other, their processes
at_once() {
	local first=()
	while [ "$1" != -- ]; do first+=("$1"); shift; done
	shift
	"${first[@]}" > "$WORK/out1" 2>&1 &
	one=$!
	"$@" > "$WORK/out2" 2>&1 &
	other=$!
}

mounts() {
	local i
	for i in 1 2 3 4; do
		at_once $mount -p 1 "$img" "$dir" -- $mount -p 2 "$img" "$two"
		both_or_fail $one $other
		[ "$(server_of)" = "$(server_of "$two")" ] || fail "two processes"
		at_once $umount -q "$dir" -- $umount -q "$two"
		both_or_fail $one $other
		gone "$dir" "$two"
	done
	# The same partition: one of them.
	for i in 1 2 3; do
		at_once $mount -p 1 "$img" "$dir" -- $mount -p 1 "$img" "$two"
		wait $one; one=$?
		wait $other; other=$?
		[ $((one + other)) = 32 ] || fail "statuses $one and $other"
		grep -q '\[already-mounted\]' "$WORK/out1" "$WORK/out2" || fail "no [already-mounted]"
		mountpoint -q "$dir" && $umount -q "$dir"
		mountpoint -q "$two" && $umount -q "$two"
	done
	# Whoever comes first fails: who waits for it starts a process instead.
	for i in 1 2 3; do
		at_once $mount -p 7 "$img" "$dir" -- $mount -p 2 "$img" "$two"
		wait $one
		[ $? = 32 ] && grep -q '\[partition-missing\]' "$WORK/out1" || fail "$(cat "$WORK/out1")"
		wait $other || fail "the second: $(cat "$WORK/out2")"
		$umount -q "$two" || fail umount
	done
}

ends() {
	local i
	for i in $(seq 12); do
		$mount -p 1 "$img" "$dir" || fail mount
		at_once $umount -q "$dir" -- sh -c "sleep 0.0$((i * 7 % 10)); exec $mount -p 2 $img $two"
		both_or_fail $one $other
		gone "$dir"
		echo "$i" > "$two/$i" || fail "the second does not work"
		# Once more on the other side, with an eject that may be refused.
		at_once $umount --eject "$two" -- \
			sh -c "sleep 0.0$((i * 3 % 10)); exec $mount -p 1 $img $dir"
		wait $one || grep -qE '\[(stick-mounted|eject)\]' "$WORK/out1" ||
			fail "eject: $(cat "$WORK/out1")"
		wait $other || fail "mount: $(cat "$WORK/out2")"
		ls "$dir" > /dev/null || fail "the mount does not work"
		$umount -q --all "$dir" || fail "umount --all"
		gone "$dir" "$two"
	done
}

# What a dead client has mounted may be there, or about to be, and nobody may serve it.
again() {
	! grep -q " $two fuse" /proc/mounts || fusermount3 -u -z "$two"
	$mount --kernel-log "$WORK/guest1.dmesg" -p 2 "$img" "$two" 2> "$WORK/again"
}

clients() {
	local i client
	mount_stick "$img" -p 1
	server=$(server_of)
	for i in $(seq 12); do
		"$LKLUSB" mount --kernel-log "$WORK/guest1.dmesg" -p 2 "$img" "$two" &
		client=$!
		sleep "0.0$((i * 5 % 24 + 10))"
		kill -STOP $client
		[ "$(server_of)" = "$server" ] || fail "no answer while a client hangs"
		echo "$i" > "$dir/$i" || fail "no write while a client hangs"
		if [ $((i % 2)) = 0 ]; then
			kill -CONT $client
			wait $client || fail "a client that went on"
			$umount -q "$two" || fail umount
			continue
		fi
		kill -9 $client
		wait $client 2> /dev/null
		wait_until again
		[ "$(server_of "$two")" = "$server" ] || fail "another process"
		$umount -q "$two" || fail "umount after a dead client"
	done
	umount_stick
	wait_gone "$server"
}

$1
check_part 1 ext4
check_part 2 vfat
