# SPDX-License-Identifier: GPL-2.0-only
# expects: kernel trouble
# lklusb shell on a real device: what is written and read, and the end when it is pulled.
. "$TOP/tests/guest/usbfs.bash"
. "$TOP/tests/guest/wait.bash"
touch "$WORK/unclean" "$WORK/expect-trouble"
start_gadget high
cd /run/user || fail cd
head -c 5000000 /dev/urandom > ours
chown 65534 ours
$lklusb shell --detach-driver --rw usb:1-1 -c 'put ours /' || fail put
[ "$(host_driver)" = usb-storage ] || fail "no driver given back"
free_stick
trap '' PIPE
mkfifo /run/commands
chmod 666 /run/commands
$lklusb shell usb:1-1 < /run/commands > out 2> err &
shell=$!
exec 5> /run/commands
printf 'cp /ours copy\nlsusb\npwd\n' >&5
wait_for 20 grep -qx / out || { cat err; fail "no shell"; }
cmp ours copy || fail cp
grep -q 'driver usb-storage' out || fail lsusb
unplug
# until it hears of it
for i in $(seq 100); do
	echo 'cp -f /ours copy' >&5 2> /dev/null || break
	sleep 0.1
done
wait_gone $shell
wait $shell
status=$?
cat err
[ $status = 32 ] || fail "status $status"
grep -q '\[device-gone\]' err || fail "no [device-gone]"
exit 0
