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
# of all threads, us
used() {
	cat /proc/"$server"/task/*/schedstat | awk '{ n += $1 } END { print int(n / 1000) }'
}
before=$(used)
sleep 10
after=$(used)
echo "$((after - before)) us in 10 s"
[ "$before" -gt 0 ] && [ $((after - before)) -le 5000 ] || fail "$((after - before)) us in 10 s of idling"
echo y >&7 || fail "write after that"
exec 7>&-
umount_stick
