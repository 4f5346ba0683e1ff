# SPDX-License-Identifier: GPL-2.0-only
# --no-uas: a guest's kernel is the host of lklusb, its stick, which offers Bulk-Only and
# UAS as bridges do, is that of vhost-user-usb. Without the option UAS is used, with it
# Bulk-Only; the data are right with both, and the guest's own driver comes back.
# limit: 180
# variant: speed=super
# full variant: speed=high
. "$TOP/tests/guest/lib.bash"
mkdir -p "$WORK/tree/folder"
head -c 9000000 /dev/urandom > "$WORK/tree/big"
cp "$TOP/man/lklusb.1.scd" "$WORK/tree/folder"
truncate -s 64M "$img"
mkfs.ext4 -q -F -b 4096 -L stick -d "$WORK/tree" "$img" || fail "mkfs"
start_daemon "$img,protocol=uas,$1"
MEM=384M run_guest host 160 <<'END'
export HOME=/run LC_ALL=C.UTF-8 XDG_RUNTIME_DIR=/run/user
mkdir -p /run/user /dev/shm
mount -t tmpfs -o mode=1777 shm /dev/shm
chown 65534:65534 /run/user /run/mnt
chmod 0700 /run/user
chmod 0666 /dev/fuse
user="setpriv --reuid 65534 --regid 65534 --clear-groups"
lklusb="timeout -k 3 60 $user $TOP/build/lklusb"
host_driver() {
	basename "$(readlink /sys/bus/usb/devices/*-1:1.0/driver)" 2> /dev/null
}

load
wait_disk sda
chmod 0666 /dev/bus/usb/*/*
[ "$(host_driver)" = uas ] || fail "the host's driver is '$(host_driver)'"
grep -q "^ *1$" /sys/bus/usb/devices/*-1:1.0/bAlternateSetting || fail "UAS is not setting 1"

# mounted DRIVER [options]
mounted() {
	local driver=$1
	shift
	$lklusb probe --detach-driver "$@" usb:1209:0001 > /run/probe || fail "probe $*"
	grep -q "interface 00 .*driver $driver\$" /run/probe || { cat /run/probe; fail "probe $*"; }
	$lklusb mount --detach-driver "$@" usb:1209:0001 /run/mnt || fail "mount $*"
	$lklusb dmesg /run/mnt > /run/log
	grep -qE "scsi host0: $driver( |$)" /run/log || { tail -20 /run/log; fail "not $driver"; }
	grep -E "uas_eh|reset|rror" /run/log && fail "the library kernel complains"
	$user diff -r "$WORK/tree" /run/mnt -x lost+found -x 'new*' || fail "differs: $*"
}

mounted uas
$user cp "$WORK/tree/big" /run/mnt/new-uas || fail "cp"
$lklusb umount -q /run/mnt || fail "umount"
[ "$(host_driver)" = uas ] || fail "no driver given back: '$(host_driver)'"
mounted usb-storage --no-uas
grep -q 'UAS is ignored for this device' /run/log || { cat /run/log; fail "no quirk"; }
$user cmp "$WORK/tree/big" /run/mnt/new-uas || fail "what UAS wrote differs"
$user cp "$WORK/tree/big" /run/mnt/new-bulk || fail "cp"
$lklusb umount -q /run/mnt || fail "umount"
mounted uas
$user cmp "$WORK/tree/big" /run/mnt/new-bulk || fail "what Bulk-Only wrote differs"
$lklusb umount -q /run/mnt || fail "umount"
END
stop_daemon
check_ext4 "$img"
