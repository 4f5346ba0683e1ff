# SPDX-License-Identifier: GPL-2.0-only
# A mount that is held open and not used costs no processor time.
# limit: 120
. "$TOP/tests/whole/lib.bash"
make_fs ext4 "$img" 50M
mount_stick "$img"
exec 7> "$dir/open"
echo x >&7
server=$(server_of)
sleep 8		# what ext4 does after a mount: lazy initialisation, commits
ticks() { sed 's/.*) //' "/proc/$server/stat" | cut -d' ' -f12,13 | tr ' ' + | bc 2>/dev/null ||
	sed 's/.*) //' "/proc/$server/stat" | awk '{ print $12 + $13 }'; }
before=$(ticks)
sleep 30
after=$(ticks)
echo "ticks of 10 ms in 30 s: $((after - before))"
[ $((after - before)) -le 5 ] || fail "$((after - before)) ticks in 30 s of idling"
echo y >&7 || fail "write after that"
exec 7>&-
umount_stick
