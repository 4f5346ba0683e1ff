# SPDX-License-Identifier: GPL-2.0-only
# vhost-user-usb with a trace of two sticks, one of which is slow and errs.
# limit: 120
. "$TOP/tests/guest/lib.bash"
refused() {
	timeout -k 3 10 "$DAEMON" --socket-path "$socket" "${@:2}" > "$WORK/out" 2>&1 &&
		fail "not refused: ${*:2}"
	grep -q -- "$1" "$WORK/out" || { cat "$WORK/out"; fail "no '$1'"; }
}
make_ext4 "$img" 32M
truncate -s 8M "$WORK/high.img"
sum=$(sha256sum < "$img")
refused 'not fault:' "$img,filter=none"
refused 'no such option' "usb:1-1,speed=high"
refused 'No such device' usb:ffff:fffe
refused 'No such device' usb:9-9.9
refused 'Invalid argument' usb:../x
refused 'Bad file descriptor' fd:99
refused '32M to 8G' --trace-size 1M "$img"
refused 'Is a directory' --trace "$WORK" "$img"
# the image itself: refused before anything happens to it
refused 'somebody else uses it' --trace "$img" "$img"
[ "$sum" = "$(sha256sum < "$img")" ] || fail "the trace went over the image"

start_daemon --trace "$WORK/t.pcapng" "$img,filter=fault:read-error@3,filter=delay:1000" \
	"$WORK/high.img,speed=high"
run_guest guest 60 <<'END'
load
wait_disk sda
wait_disk sdb
dd if=/dev/sda of=/dev/null bs=64k iflag=direct 2> /dev/null || fail "reading sda"
dd if=/dev/sdb of=/dev/null bs=64k iflag=direct 2> /dev/null || fail "reading sdb"
END
stop_daemon
tshark -r "$WORK/t.pcapng" -T fields -e usb.bus_id -e usb.device_address -e usb.urb_status \
	-e scsi_sbc.opcode -e _ws.malformed > "$WORK/fields" 2> /dev/null || fail tshark
for device in '2	1' '1	2'; do
	[ "$(grep -c "^$device	.*0x28" "$WORK/fields")" -gt 20 ] || fail "no reads of $device"
done
grep -q -- '-71' "$WORK/fields" || fail "the fault is not in the trace"
[ -z "$(cut -f 5 "$WORK/fields" | tr -d "\n")" ] || fail malformed
