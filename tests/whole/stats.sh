# SPDX-License-Identifier: GPL-2.0-only
# What status shows of the transfers is what happened.
# variant: bot
# variant: uas
. "$TOP/tests/whole/lib.bash"
make_fs ext4 "$img" 100M
case $1 in
uas) mount_stick "$img" --uas ;;
*) mount_stick "$img" ;;
esac
urbs() { "$LKLUSB" status -J "$dir" | python3 -c "
import json, sys
s = json.load(sys.stdin)[0]
print($1)"; }
before=$(urbs 's["urbs"]["bytes_out"]')
head -c 20M /dev/urandom > "$dir/file"
sync "$dir/file"
written=$(($(urbs 's["urbs"]["bytes_out"]') - before))
[ $written -ge $((20 << 20)) ] && [ $written -le $((24 << 20)) ] || fail "20 MiB are $written bytes"
[ "$(urbs 's["urbs"]["in_flight"]')" = 0 ] || fail "in flight"
[ "$(urbs 's["urbs"]["most_in_flight"]')" -ge 1 ] || fail "most in flight"
n=$(urbs 's["urbs"]["count"] - 16 * sum(l["count"] for l in s["urbs"]["latency"])')
[ "$n" -ge -16 ] && [ "$n" -le 160 ] || fail "not every 16th was timed: $n"

# The host asks for nothing else when a file is written again and again.
calls=$(urbs 's["system_calls"]')
python3 -c "
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
for i in range(1000):
    os.pwrite(fd, b'x' * 4096, i * 7919 % 5000 * 4096)" "$dir/file"
calls=$(($(urbs 's["system_calls"]') - calls))
[ $calls -ge 1000 ] && [ $calls -le 1500 ] || fail "1000 writes are $calls system calls"
"$LKLUSB" status --stats "$dir" > "$WORK/text"
grep -q 'URBs: [0-9]*, [0-9]* failed' "$WORK/text" && grep -q 'us .*%' "$WORK/text" &&
	grep -q 'task switches' "$WORK/text" || { cat "$WORK/text"; fail "text"; }
umount_stick
