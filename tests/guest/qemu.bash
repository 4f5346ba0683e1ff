# SPDX-License-Identifier: GPL-2.0-only
# For tests in which Debian's kernel, in QEMU without KVM, uses vhost-user-usb. On top of
# lib.bash. The guest says things on its serial console, which is $WORK/NAME.console.
proxy=

cleanup_qemu() {
	cleanup
	[ -n "$proxy" ] && kill "$proxy" 2> /dev/null
	return 0
}
trap cleanup_qemu EXIT

kill_guest() {
	kill "$guest" 2> /dev/null
	wait "$guest" 2> /dev/null
	guest=
}

start_proxy() {
	python3 "$TOP/tests/guest/qemu-proxy.py" "$WORK/proxy" "$socket" 2> "$WORK/proxy.log" &
	proxy=$!
	wait_for 10 test -S "$WORK/proxy" || fail "no proxy"
}

# boot_qemu NAME LIMIT SERIES < commands for the guest: returns at once. strict=on keeps
# the firmware from looking for something to boot on what looks like a disk to it.
boot_qemu() {
	local name=$1 limit=$2 files=$TOP/build/guest-$3
	mkdir "$WORK/$name.root"
	cat > "$WORK/$name.root/test"
	# The kernel unpacks one archive after the other.
	(cd "$WORK/$name.root" && echo test | cpio -o -H newc --quiet) |
		cat "$files/initrd" - > "$WORK/$name.initrd"
	timeout -k 3 "$limit" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 256 \
		-object memory-backend-memfd,id=mem,size=256M,share=on \
		-machine pc,memory-backend=mem -nodefaults -no-user-config -display none \
		-no-reboot -boot strict=on -serial stdio -monitor unix:"$WORK/monitor",server=on,wait=off \
		-kernel "$files/vmlinuz" -initrd "$WORK/$name.initrd" \
		-append "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check" \
		-chardev socket,id=usb,path="$WORK/proxy" \
		-device vhost-user-blk-pci,id=usb0,chardev=usb,num-queues=4,queue-size=256 \
		< /dev/null > "$WORK/$name.console" 2>&1 &
	guest=$!
	guest_name=$name
}

# The guest said TEXT on its console.
guest_said() {
	grep -q "^$1" "$WORK/$guest_name.console"
}

said_or_gone() {
	guest_said "$1" || ! kill -0 "$guest" 2> /dev/null
}

wait_said() {
	wait_for "$1" said_or_gone "$2" && guest_said "$2" || fail "the guest does not say '$2'"
}

# A command for QEMU's monitor.
monitor() {
	python3 - "$WORK/monitor" "$1" <<'END' > "$WORK/monitor.log" || fail "monitor: $1"
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect(sys.argv[1])
def prompt():
    data = b''
    while not data.endswith(b'(qemu) '):
        data += s.recv(4096)
    return data
prompt()
s.sendall(sys.argv[2].encode() + b'\n')
print(prompt())
END
}

wait_qemu() {
	wait "$guest"
	guest=
	tr -d '\r' < "$WORK/$guest_name.console" > "$WORK/$guest_name.text"
	sed -n '/^--- dmesg/,$p' "$WORK/$guest_name.text" > "$WORK/$guest_name.dmesg"
	grep -qx -e '--- status 0' "$WORK/$guest_name.text" || fail "guest $guest_name"
	grep '^FAILED' "$WORK/$guest_name.text" && fail "guest $guest_name"
	return 0
}
