# SPDX-License-Identifier: GPL-2.0-only
# kill -9 at any point leaves no mount, and is followed by a clean replay.
# variant: ext4
# variant: xfs
# variant: btrfs
# limit: 200
. "$TOP/tests/whole/lib.bash"

make_fs "$1" "$img" "$(fs_size "$1")"
for round in 1 2 3 4 5 6; do
	mount_stick "$img"
	server=$(server_of)
	# In the mount: what is at its place when it is gone is another folder.
	(
		cd "$dir" || exit
		i=0
		while :; do
			i=$((i + 1))
			mkdir -p "$round.$((i % 7))" && echo $i > "$round.$((i % 7))/f$i" &&
				mv "$round.$((i % 7))/f$i" "$round.moved$((i % 13))" || exit
			[ $((i % 10)) = 0 ] && rm -rf "$round.$((i % 3))"
			[ $((i % 25)) = 0 ] && sync "$round.moved1"
		done
	) 2>/dev/null &
	writer=$!
	sleep 0.$((round * 13 % 10))$round
	kill -9 "$server"
	wait "$writer"
	wait_gone "$server"
	wait_unmounted
	mount_stick "$img"
	ls -R "$dir" > /dev/null || fail "ls"
	echo "after $round" > "$dir/after" || fail "write"
	umount_stick
	check_fs "$1" "$img"
done
