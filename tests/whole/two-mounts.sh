# SPDX-License-Identifier: GPL-2.0-only
# Two sticks at once: two processes; one that dies takes nothing else with it.
. "$TOP/tests/whole/lib.bash"
make_fs ext4 "$img" 50M
make_fs vfat "$WORK/two.img" 50M
mount_stick "$img"
first=$dir
dir=$WORK/mnt2
mkdir -p "$dir"
mount_stick "$WORK/two.img"
[ "$("$LKLUSB" status | grep -c "$WORK/")" = 2 ] || fail "status: $("$LKLUSB" status)"
for i in $(seq 30); do
	head -c 100000 /dev/urandom | tee "$first/f$i" > "$dir/f$i" || fail write
	cmp "$first/f$i" "$dir/f$i" || fail compare
done
server=$(server_of "$first")
[ "$server" != "$(server_of "$dir")" ] || fail "one process for both"
kill -9 "$server"
wait_gone "$server"
wait_unmounted "$first"
head -c 100000 /dev/urandom > "$dir/after" || fail "the other mount"
[ "$(ls "$dir" | wc -l)" = 31 ] || fail "the other mount"
umount_stick
check_fs vfat "$WORK/two.img"
