# SPDX-License-Identifier: GPL-2.0-only
# Each reason why a device cannot be used has its message, code, hint and exit status.
. "$TOP/tests/guest/usbfs.bash"
mount="$LKLUSB mount"
start_gadget high
for i in $(seq 30); do [ -b /dev/sda ] && break; sleep 0.1; done

refused device-missing 32 $mount usb:1234:5678 $dir
refused device-missing 32 $mount usb:0525:a4a5:NOSUCH $dir
refused device-missing 32 $mount usb:1-7.3 $dir
refused device-missing 32 $mount /dev/bus/usb/001/099 $dir
refused usage 1 $mount usb:nonsense $dir
refused usage 1 $mount fd:99 $dir
refused usage 1 $mount --virtio-blk usb:1-1 $dir
refused device-type 32 $mount /dev/bus/usb/001/001 $dir
refused device-type 32 $mount fd:9 $dir 9<>/dev/null
refused usbip-unreachable 32 $mount usbip://nobody/1-1 $dir

refused device-busy 32 $mount usb:1-1 $dir
grep -q "1-1:1.0 bound to usb-storage, which made /dev/sda" /run/out || fail "text"
grep -q "hint: --detach-driver" /run/out || fail "hint"

# What the host has mounted is not taken, even if asked.
mkdir /run/hosts
mount /dev/sda /run/hosts || fail "host's mount"
refused device-busy 32 $mount --detach-driver usb:1-1 $dir
grep -q "/dev/sda mounted on /run/hosts" /run/out || fail "text"
[ "$(host_driver)" = usb-storage ] || fail "the host lost its driver"
$lklusb list -J > /run/list.json
cat /run/list.json
grep -q '"why": *"/dev/sda mounted on /run/hosts"' /run/list.json || fail "list -J"
"$TOP/tests/valid-json" list /run/list.json || fail "list -J is not as the schema says"
$lklusb doctor -J > /run/doctor.json
"$TOP/tests/valid-json" doctor /run/doctor.json || fail "doctor -J is not as the schema says"
umount /run/hosts

chmod 0600 /dev/bus/usb/001/002
refused usbfs-access 32 $mount usb:1-1 $dir
grep -q "hint: install 70-lklusb.rules" /run/out || fail "hint"
$lklusb list | grep -q "no permission" || fail "list"
chmod 0444 /dev/bus/usb/001/002
refused usbfs-access 32 $mount usb:1-1 $dir
refused usbfs-access 32 $mount fd:9 $dir 9</dev/bus/usb/001/002
chmod 0666 /dev/bus/usb/001/002

# Two that fit.
rmmod g_mass_storage dummy_hcd
insmod "$MODULES/dummy_hcd.ko" is_super_speed=0 num=2
truncate -s 8M /run/two.img
mount -t configfs cfg /sys/kernel/config
for n in 0 1; do
	g=/sys/kernel/config/usb_gadget/g$n
	mkdir $g && echo 0x1234 > $g/idVendor && echo 0x5678 > $g/idProduct || fail configfs
	mkdir -p $g/strings/0x409 $g/configs/c.1 $g/functions/mass_storage.0
	echo serial$n > $g/strings/0x409/serialnumber
	cp /run/two.img /run/$n.img
	echo /run/$n.img > $g/functions/mass_storage.0/lun.0/file
	ln -s $g/functions/mass_storage.0 $g/configs/c.1/
	echo dummy_udc.$n > $g/UDC || fail UDC
done
for i in $(seq 50); do [ "$($lklusb list | wc -l)" = 3 ] && break; sleep 0.1; done
chmod 0666 /dev/bus/usb/*/*
refused device-ambiguous 1 $mount usb:1234:5678 $dir
[ "$(grep -c "1234:5678:serial" /run/out)" = 2 ] || fail "candidates"
refused fs-unknown 32 $mount --detach-driver usb:1234:5678:serial1 $dir
