# SPDX-License-Identifier: GPL-2.0-only
# expects: kernel trouble
# A panic of the library kernel ends the mount with a clear error, nothing else.
. "$TOP/tests/whole/lib.bash"
make_fs ext4 "$img" 50M
mkdir "$WORK/src"
mount_stick "$img"
mkdir "$dir/victim"
for i in $(seq 300); do echo "$i" > "$dir/victim/a-rather-long-file-name-number-$i"; done
umount_stick
block=$(debugfs -R 'blocks /victim' "$img" 2>/dev/null | awk '{ print $1 }')
[ -n "$block" ] || fail debugfs
size=$(dumpe2fs -h "$img" 2>/dev/null | sed -n 's/^Block size: *//p')
dd if=/dev/urandom of="$img" bs="$size" seek="$block" count=1 conv=notrunc status=none

"$LKLUSB" mount -f -o errors=panic "$img" "$dir" 2> "$WORK/err" &
server=$!
for i in $(seq 100); do mountpoint -q "$dir" && break; sleep 0.1; done
timeout 20 ls "$dir/victim" > /dev/null 2>&1 && fail "a damaged folder was listed"
for i in $(seq 100); do kill -0 $server 2>/dev/null || break; sleep 0.1; done
wait $server
status=$?
cat "$WORK/err"
[ $status = 32 ] || fail "exit status $status"
grep -q '\[kernel-panic\]' "$WORK/err" || fail "no [kernel-panic]"
mountpoint -q "$dir" && fail "still mounted"
exit 0
