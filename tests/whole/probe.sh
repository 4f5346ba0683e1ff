# SPDX-License-Identifier: GPL-2.0-only
# What probe says of images with each table, with none, with LUKS, and of a device that
# does not come up.
. "$TOP/tests/whole/lib.bash"
. "$TOP/tests/whole/luks.bash"

# field EXPRESSION: of the JSON in probe.json
field() {
	python3 -c 'import json, sys
o = json.loads(open(sys.argv[1], "rb").read().decode("utf-8"), strict=True)
print(eval(sys.argv[2]))' "$WORK/probe.json" "$1" || fail "no JSON: $1"
}

# is EXPRESSION VALUE
is() {
	[ "$(field "$1")" = "$2" ] || fail "$1 is $(field "$1"), not $2"
}

probe() {
	timeout -k 3 60 "$LKLUSB" probe -J "$@" > "$WORK/probe.json" || fail "probe $*"
}

for table in gpt dos; do
	truncate -s 64M "$WORK/$table.img"
	printf 'label: %s\nsize=20M\nsize=20M\n' "$table" | sfdisk -q "$WORK/$table.img" || fail sfdisk
	make_fs ext4 "$WORK/fs" 20M
	dd if="$WORK/fs" of="$WORK/$table.img" bs=1M seek=1 conv=notrunc status=none
	probe "$WORK/$table.img"
	is 'o["table"]["type"]' "$table"
	is '[p["type"] for p in o["partitions"]]' "['ext4', None]"
	is 'o["partitions"][0]["label"], o["partitions"][0]["size"]' "('stick', 20971520)"
	[ "$(field 'o["table"]["id"].lower()')" = "$(sfdisk --disk-id "$WORK/$table.img" | sed s/^0x// | tr A-Z a-z)" ] ||
		fail "id of $table"
done
is 'o["usb"][0]["vendor_id"], o["usb"][0]["speed_mbits"]' "('1209', 5000)"
is 'o["usb"][0]["interfaces"][0]["driver"]' usb-storage
is 'o["disk"]["size"], o["disk"]["sector_size"]' "(67108864, 512)"
is 'o["disk"]["vendor"], o["disk"]["write_protected"]' "('lklusb', False)"
is 'o["error"]' None
is 'any("Attached SCSI" in l for l in o["log"])' True
chmod 444 "$WORK/dos.img"
probe --uas --speed high --sector-size 4096 "$WORK/dos.img"
is 'o["usb"][0]["interfaces"][0]["driver"], o["usb"][0]["speed_mbits"]' "('uas', 480)"
is 'o["disk"]["sector_size"], o["disk"]["write_protected"]' "(4096, True)"

truncate -s 10M "$WORK/empty.img"
probe "$WORK/empty.img"
is 'o["table"]["type"], [p["type"] for p in o["partitions"]]' "(None, [None])"
probe --virtio-blk "$WORK/empty.img"
is 'o["usb"], o["disk"]["name"]' "([], 'vda')"
echo 'label: gpt' | sfdisk -q "$WORK/empty.img" || fail sfdisk
probe "$WORK/empty.img"
is 'o["table"]["type"]' gpt

printf secret > "$WORK/key"
luks_image "$img" "$WORK/key"
probe "$img"
is 'o["partitions"][0]["type"], o["partitions"][0]["mountable"]' "('crypto_LUKS', True)"
is 'o["partitions"][0]["uuid"]' "$(cryptsetup luksUUID "$img")"

# somebody else's text
make_fs ext4 "$img" 20M
e2label "$img" "$(printf 'A\033[31m\302\233')"
"$LKLUSB" probe "$img" > "$WORK/out" || fail "probe as text"
grep -q '^  0 .*ext4 *A?\[31m??' "$WORK/out" || fail "label: $(cat -v "$WORK/out")"
if LC_ALL=C grep -qa "$(printf '\033')" "$WORK/out"; then fail "a label reaches the terminal"; fi

# no disk: what was seen, why, and the status of mount
timeout -k 3 100 "$LKLUSB" probe -J --filter fault:csw-tag "$img" > "$WORK/probe.json" 2> "$WORK/err"
[ $? = 32 ] || fail "status of a broken device"
grep -q '\[device-timeout\]' "$WORK/err" && grep -q ' kernel: .*reset SuperSpeed' "$WORK/err" ||
	fail "no reason: $(cat "$WORK/err")"
is 'o["disk"], o["usb"][0]["product"], "[device-timeout]" in o["error"]' "(None, 'Emulated stick', True)"
refused source-missing 32 "$LKLUSB" probe "$WORK/none"
