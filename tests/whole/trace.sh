# SPDX-License-Identifier: GPL-2.0-only
# tshark reads back what --trace wrote: USB, mass storage, SCSI, nothing malformed.
# variant: usbmon bot
# variant: usbmon uas
# variant: usbip bot
# variant: ring bot
# limit: 120
. "$TOP/tests/whole/lib.bash"
form=$1 protocol=$2
trace=$WORK/trace.pcapng
options=(--trace "$trace")
[ "$protocol" = bot ] || options+=(--uas)
[ "$form" != ring ] || options+=(--trace-size 32M --trace-snaplen 256K)
# The one thing that USB/IP needs: it has no port of its own.
decode=()
[ "$form" != usbip ] || { options+=(--trace-format usbip); decode=(-d tcp.port==3240,usbip); }

fields=(frame.protocols usb.urb_type scsi_sbc.opcode scsi.status usb.bInterfaceClass
	usb.idVendor _ws.malformed _ws.expert.severity tcp.analysis.flags)
dissect() {
	tshark -r "$trace" "${decode[@]}" -T fields "${fields[@]/#/-e}" > "$WORK/fields" \
		2> "$WORK/err" || fail "tshark"
	! grep -v 'Running as' "$WORK/err" || fail "tshark complains"
}
# count FIELD PATTERN: frames in which it matches
count() {
	local i
	for i in "${!fields[@]}"; do
		[ "${fields[i]}" != "$1" ] || cut -f $((i + 1)) "$WORK/fields" | grep -cE "$2"
	done
}
some() {
	[ "$(count "$1" "$2")" -ge "${3:-1}" ] || fail "no frame with $1 $2"
}
none() {
	[ "$(count "$1" "$2")" = 0 ] || fail "a frame with $1 $2"
}

make_fs ext4 "$img" 100M
touch "$trace"
chmod 644 "$trace"
refused trace 1 "$LKLUSB" mount --trace "$WORK/none/x" "$img" "$dir"
refused trace 1 "$LKLUSB" mount --trace "$WORK" "$img" "$dir"
refused trace 1 "$LKLUSB" mount --trace "$img" "$img" "$dir"
refused usage 1 "$LKLUSB" mount --trace "$trace" --virtio-blk "$img" "$dir"
refused usage 1 "$LKLUSB" mount --trace-size 1M "$img" "$dir"
check_fs ext4 "$img"

mount_stick "$img" "${options[@]}"
[ "$(stat -c %a "$trace")" = 600 ] || fail "others may read the trace"
if [ "$form" = ring ]; then
	for i in 1 2 3; do
		head -c 30M /dev/zero > "$dir/f"
		sync "$dir/f"
		rm "$dir/f"
	done
else
	echo 'a word to be found in the trace' > "$dir/f"
	sync "$dir/f"
fi
umount_stick
check_fs ext4 "$img"

# in the ring as well: descriptors, commands and how they ended
dissect
some usb.idVendor .
some usb.bInterfaceClass 0x08
some scsi_sbc.opcode 0x 20
some scsi_sbc.opcode 0x2a
some scsi.status 0x00
none _ws.malformed .
none _ws.expert.severity 8388608
case $protocol in
bot) some frame.protocols ':usbms' 20 ;;
uas) some frame.protocols ':uasp' 20 ;;
esac
case $form in
usbip)
	some frame.protocols ':tcp:usbip' 20
	none tcp.analysis.flags .
	;;
*)
	some usb.urb_type S 20
	some usb.urb_type C 20
	none usb.urb_type E
	;;
esac
if [ "$form" = ring ]; then
	size=$(stat -c %s "$trace")
	[ "$size" -gt $((8 << 20)) ] && [ "$size" -le $((32 << 20)) ] || fail "$size bytes"
else
	grep -q 'a word to be found in the trace' "$trace" || fail "the data is not there"
fi
exit 0
