# SPDX-License-Identifier: GPL-2.0-only
# For tests with a real kernel as the host: a file that sources this runs twice. First
# here, where it boots UML and checks what is left; then inside, as the guest's root,
# where it goes on after the line that sources this. $HOST tells: the UML kernel is the
# host of lklusb, a gadget on dummy_hcd its stick, $img the gadget's medium.
#
# tests/run sets TOP (the checkout) and WORK (this test's own folder). UML runs as an
# ordinary user, and lklusb inside as uid 65534, which may open the stick's node.
set -u
export PATH=$PATH:/usr/sbin:/sbin
LKLUSB=${LKLUSB:-$TOP/build/lklusb}
UML=${UML:-$TOP/build/uml-linux}
MODULES=${MODULES:-$TOP/build/uml-modules}
img=$WORK/stick.img

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# ---- outside ----

boot() {
	local limit=${LIMIT:-100}
	truncate -s 64M "$img"
	mkfs.ext4 -q -F -L stick "$img" || fail mkfs
	echo "no end" > "$WORK/status"
	timeout -k 3 "$limit" "$UML" mem=384M root=/dev/root rootfstype=hostfs rootflags=/ rw \
		init="$TOP/tests/guest/init" con=null con0=null,fd:1 quiet HOST=uml TOP="$TOP" \
		WORK="$WORK" LKLUSB="$LKLUSB" MODULES="$MODULES" TEST="$0" ARGUMENT="$(IFS=,; echo "$*")" \
		LIMIT="$limit" < /dev/null
	[ "$(cat "$WORK/status")" = 0 ] || cat "$WORK/hang"
	[ "$(cat "$WORK/status")" = 0 ] || fail "inside: status $(cat "$WORK/status")"
	if [ ! -e "$WORK/unclean" ]; then
		e2fsck -fn "$img" > "$WORK/fsck.log" 2>&1 || { cat "$WORK/fsck.log"; fail fsck; }
	else
		e2fsck -fp "$img" > "$WORK/fsck.log" 2>&1	# the journal first
		[ $? -le 1 ] || { cat "$WORK/fsck.log"; fail "fsck after replay"; }
	fi
}

if [ -z "${HOST:-}" ]; then
	[ -x "$UML" ] || { echo "no UML kernel: scripts/build-uml"; exit 77; }
	if [ "$(id -u)" = 0 ]; then
		chown -R 65534:65534 "$WORK"
		HOME=$WORK exec setpriv --reuid 65534 --regid 65534 --clear-groups bash "$0" "$@"
	fi
	boot "$@"
	exit 0
fi

# ---- inside ----

ARGUMENT=${ARGUMENT:-}
set -- ${ARGUMENT//,/ }
dir=/run/mnt
user="setpriv --reuid 65534 --regid 65534 --clear-groups"
lklusb="timeout -k 3 60 $user $LKLUSB"
. "$TOP/tests/sandbox.bash"
mounts=0

# As udev would: the node is the user's.
give_node() {
	local i
	for i in $(seq 100); do
		ls /sys/bus/usb/devices/*-1:1.0/bInterfaceClass > /dev/null 2>&1 && break
		sleep 0.1
	done
	chmod 0666 /dev/bus/usb/*/* || fail "no stick"
}

# After an unplug. soft_connect's other direction leaves dummy_hcd without a speed.
plug() {
	rmmod g_mass_storage
	start_medium
	give_node
}

# after_urbs N [FILE TEXT]: as soon as N more URBs than now were given to the stick.
after_urbs() {
	local n=$(($(cat /sys/bus/usb/devices/*-1/urbnum) + $1))
	shift
	mountpoint -q /sys/kernel/debug || mount -t debugfs debug /sys/kernel/debug
	timeout -k 3 20 chrt -f 50 "$TOP/tests/guest/after-urbs.py" "$n" "$@" ||
		fail "fewer than $n URBs"
}

unplug_after() {
	after_urbs "$1" /sys/class/udc/dummy_udc.0/soft_connect disconnect
}

unplug() {
	echo disconnect > /sys/class/udc/dummy_udc.0/soft_connect
}

# A port with nothing in it: start_port high|super
start_port() {
	local super=0
	[ "$1" = super ] && super=1
	modprobe_ udc-core
	modprobe_ dummy_hcd is_super_speed=$super
	modprobe_ libcomposite
	modprobe_ usb_f_mass_storage
}

# start_gadget high|super [parameters of g_mass_storage]
start_gadget() {
	start_port "$1"
	shift
	start_medium "$@"
	give_node
}

# start_tcm high|super: a gadget with a Bulk-Only and a UAS setting, on the kernel's own
# SCSI target. The target's portal group must exist before the function is linked.
start_tcm() {
	local c=/sys/kernel/config disk target gadget module super=0
	disk=$c/target/core/fileio_0/disk
	target=$c/target/usb_gadget/naa.6001405c3214b06a/tpgt_1
	gadget=$c/usb_gadget/g1
	[ "$1" = super ] && super=1
	mount -t configfs configfs $c
	for module in crct10dif_common crct10dif_generic crc-t10dif target_core_mod \
		target_core_file udc-core libcomposite usb_f_tcm; do
		modprobe_ $module
	done
	modprobe_ dummy_hcd is_super_speed=$super
	mkdir -p $disk && echo "fd_dev_name=$img,fd_dev_size=67108864" > $disk/control &&
		echo 1 > $disk/enable || fail "target's disk"
	mkdir $gadget $gadget/strings/0x409 $gadget/configs/c.1 $gadget/functions/tcm.0 &&
		echo 0x0525 > $gadget/idVendor && echo 0xa4a5 > $gadget/idProduct &&
		echo 0x0310 > $gadget/bcdUSB && echo uas1 > $gadget/strings/0x409/serialnumber ||
		fail "gadget"
	mkdir -p $target/lun/lun_0 && echo naa.6001405c3214b06b > $target/nexus &&
		ln -s $disk $target/lun/lun_0/virtual && echo 1 > $target/enable ||
		fail "target"
	ln -s $gadget/functions/tcm.0 $gadget/configs/c.1/ || fail "function"
	echo dummy_udc.0 > $gadget/UDC || fail UDC
	give_node
}

start_medium() {
	modprobe_ g_mass_storage file="$img" removable=1 iSerialNumber=1234567890 "$@"
}

modprobe_() {
	insmod "$MODULES/$1.ko" "${@:2}" || fail "insmod $1"
}

# The driver that the host has on the stick, or nothing.
host_driver() {
	basename "$(readlink /sys/bus/usb/devices/*-1:1.0/driver)" 2>/dev/null
}

# The host's driver off, so that nothing needs to be detached.
free_stick() {
	local i
	for i in $(seq 30); do [ "$(host_driver)" ] && break; sleep 0.1; done
	basename /sys/bus/usb/devices/*-1:1.0 > "/sys/bus/usb/drivers/$(host_driver)/unbind"
}

# Root is nobody to somebody else's FUSE mount.
is_mounted() {
	$user mountpoint -q "$dir"
}

mount_stick() {
	mounts=$((mounts + 1))
	$lklusb mount --sandbox=require --kernel-log "/run/user/guest$mounts.dmesg" "$@" "$dir" ||
		fail "mount $*"
	is_mounted || fail "mount returned, but nothing is mounted"
}

umount_stick() {
	$lklusb umount -q "$dir" || fail umount
	is_mounted && fail "umount returned, but it is mounted"
	return 0
}

server_of() {
	$user "$LKLUSB" status -J "$dir" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'
}

# Who serves: what usbfs needs is done in the whole sandbox.
confined() {
	is_confined "$(server_of)"
	$user "$LKLUSB" status -J "$dir" | grep -q '"sandbox":"full"' || fail "status: no sandbox"
}

# Within $2 s, 10 by default.
wait_gone() {
	local i
	for i in $(seq $((${2:-10} * 10))); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	fail "process $1 does not end"
}

refused() {
	local code=$1 want=$2 status
	shift 2
	$user timeout -k 3 40 "$@" > /run/out 2>&1
	status=$?
	cat /run/out
	grep -q "\[$code\]" /run/out || fail "no [$code] from $*"
	[ "$status" = "$want" ] || fail "status $status, not $want: $*"
	is_mounted && fail "left a mount: $*"
	return 0
}
