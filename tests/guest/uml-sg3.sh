# SPDX-License-Identifier: GPL-2.0-only
# The emulated stick as sg3_utils sees it, over a stock kernel's usb-storage or uas.
# variant: protocol=bot sector-size=512
# variant: protocol=uas sector-size=512
# variant: protocol=bot sector-size=4096
# limit: 150
. "$TOP/tests/guest/lib.bash"
truncate -s 64M "$img"
sector=${2#*=}
printf 'begin of the disk' | dd of="$img" conv=notrunc status=none
start_daemon "$img,$2,$1"
run_guest sg3 100 <<END
sector=$sector blocks=$((67108864 / sector))
img=$img
$(cat <<'INSIDE'
# said TEXT command...: the command succeeds and its output has TEXT
said() {
	local want=$1
	shift
	timeout 20 "$@" > /run/out 2>&1 || { cat /run/out; fail "$* failed"; }
	[ -z "$want" ] || grep -q -e "$want" /run/out || { cat /run/out; fail "$* does not say $want"; }
}
load
wait_disk sda
d=/dev/sg0
said 'lklusb' sg_inq $d
said 'Unit serial number' sg_vpd -p sn $d
said 'Supported VPD pages' sg_vpd -p sv $d
said 'Device Identification' sg_vpd -p di $d
said 'Maximum unmap LBA count' sg_vpd -p bl $d
said 'Non-rotating' sg_vpd -p bdc $d
said 'Logical block provisioning' sg_vpd -p lbpv $d
said "Logical block length=$sector bytes" sg_readcap $d
said "Number of logical blocks=$blocks" sg_readcap -16 $d
said 'Lun list length = 8' sg_luns $d
said '' sg_turs $d
said 'No Sense\|No additional' sg_requests $d
said 'Caching' sg_modes -p 8 $d
said '' sg_sync $d
said '' sg_sync -S $d
said '' sg_verify -l 0 -c 16 $d
said '' sg_prevent $d
said '' sg_prevent --allow $d
for cdb in 6 10 12 16; do
	said 'records out' sg_dd if=$d of=/run/head bs=$sector count=8 cdbsz=$cdb
	head -c 17 /run/head | grep -q 'begin of the disk' || fail "READ($cdb)"
	head -c $((sector * 8)) /dev/urandom > /run/data
	said 'records out' sg_dd if=/run/data of=$d bs=$sector seek=64 count=8 cdbsz=$cdb
	said 'records out' sg_dd if=$d of=/run/back bs=$sector skip=64 count=8 cdbsz=$cdb
	cmp /run/data /run/back || fail "WRITE($cdb)"
done
said '' sg_unmap --lba=64 --num=$((32768 / sector)) --force $d
said 'records out' sg_dd if=$d of=/run/back bs=$sector skip=64 count=$((32768 / sector))
[ "$(tr -d '\0' < /run/back | wc -c)" = 0 ] || fail "unmapped blocks are not zero"
timeout 20 sg_dd if=$d of=/dev/null bs=$sector skip=$blocks count=1 > /run/out 2>&1 && fail "read past the end"
said '' sg_start --stop $d
said '' sg_start --start $d
unload
INSIDE
)
END
stop_daemon
