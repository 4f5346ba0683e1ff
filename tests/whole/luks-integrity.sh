# SPDX-License-Identifier: GPL-2.0-only
# LUKS2 with dm-integrity: volumes that cryptsetup makes in Debian's kernel (QEMU without
# KVM) are read and written through the mount, and cryptsetup and that kernel read what was
# written. A sector that was changed behind them is an error and not other data.
# limit: 300
. "$TOP/tests/whole/lib.bash"
key=$WORK/key
printf secret > "$key"
kernel=$TOP/build/guest-6.12

# guest NAME < commands: with cryptsetup, /key; /dev/vda and /dev/vdb are the volumes, vdc
# and vdd what is in them
guest() {
	local name=$1 root=$WORK/$1.root library
	mkdir -p "$root/sbin" "$root/run/cryptsetup"
	cp /sbin/cryptsetup "$root/sbin/"
	for library in $(ldd /sbin/cryptsetup | grep -o '/[^ ]*'); do
		mkdir -p "$root$(dirname "$library")"
		cp -L "$library" "$root$library"
	done
	cp "$key" "$root/key"
	{
		echo 'export PATH=/bin:/sbin
			for m in $(cat /modules/dm); do insmod "/modules/$m" || fail "insmod $m"; done
			wait_for 20 test -b /dev/vdd || fail "no disks"'
		cat
	} > "$root/test"
	(cd "$root" && find . | cpio -o -H newc --quiet) | cat "$kernel/initrd" - > "$WORK/initrd"
	timeout -k 3 100 qemu-system-x86_64 -accel tcg -cpu max -m 512 -M pc -nodefaults \
		-no-user-config -display none -no-reboot -serial stdio \
		-kernel "$kernel/vmlinuz" -initrd "$WORK/initrd" \
		-append "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check" \
		-drive "if=virtio,format=raw,file=$img" \
		-drive "if=virtio,format=raw,file=$WORK/other.img" \
		-drive "if=virtio,format=raw,file=$WORK/fs" \
		-drive "if=virtio,format=raw,file=$WORK/other.fs" \
		< /dev/null > "$WORK/$name.console" 2>&1
	tr -d '\r' < "$WORK/$name.console" > "$WORK/$name.text"
	grep -qx -e '--- status 0' "$WORK/$name.text" || { tail -40 "$WORK/$name.text"; fail "guest $name"; }
	rm -rf "$root" "$WORK/initrd"
}

mkdir "$WORK/tree"
head -c 1000000 /dev/urandom > "$WORK/tree/big"
for i in $(seq 50); do
	echo "file $i" > "$WORK/tree/small$i"
done
truncate -s 27M "$img" "$WORK/other.img"
truncate -s 8M "$WORK/fs" "$WORK/other.fs"
mkfs.ext4 -q -b 4096 -d "$WORK/tree" "$WORK/fs" || fail mkfs
mkfs.ext4 -q -b 4096 -d "$WORK/tree" "$WORK/other.fs" || fail mkfs

guest make <<'END'
make() {
	local disk=$1 fs=$2
	shift 2
	cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /key \
		"$@" "$disk" || fail "luksFormat $*"
	cryptsetup open --key-file /key "$disk" volume || fail "open $*"
	dd if="$fs" of=/dev/mapper/volume bs=64k 2> /dev/null || fail "dd $*"
	cryptsetup close volume || fail "close $*"
}
make /dev/vda /dev/vdc --cipher aes-xts-plain64 --integrity hmac-sha256
make /dev/vdb /dev/vdd --cipher aes-xts-plain64 --integrity hmac-sha256 --sector-size 4096 \
	--integrity-no-journal
END
cryptsetup luksDump "$img" | grep -q 'integrity: *hmac(sha256)' || fail "it has no integrity"

for image in "$img" "$WORK/other.img"; do
	# usb-storage of a controller without HCD_DMA would forbid the tags.
	transport=
	[ "$image" = "$img" ] || transport=--uas
	mount_stick "$image" --key-file "$key" $transport
	diff -r --no-dereference "$WORK/tree" "$dir" -x lost+found || fail "read from $image"
	mkdir "$dir/new"
	cp "$WORK/tree/big" "$dir/new/" || fail "write to $image"
	rm "$dir"/small1*
	umount_stick
	mount_stick "$image" --ro --key-file "$key" --virtio-blk
	cmp "$WORK/tree/big" "$dir/new/big" || fail "written to $image"
	umount_stick
done

guest check <<'END'
check() {
	cryptsetup open --key-file /key "$1" volume || fail "open $1"
	dd if=/dev/mapper/volume of="$2" bs=64k count=128 2> /dev/null || fail "dd $1"
	cryptsetup close volume || fail "close"
}
check /dev/vda /dev/vdc
check /dev/vdb /dev/vdd
END
for fs in "$WORK/fs" "$WORK/other.fs"; do
	check_fs ext4 "$fs"
	debugfs -R 'cat /new/big' "$fs" 2> /dev/null | cmp - "$WORK/tree/big" ||
		fail "cryptsetup reads something else"
done

# A sector in 64 KiB changes, wherever that is: files that are as long have one.
for i in $(seq 0 127); do
	head -c 512 /dev/zero | dd of="$img" bs=64k seek=$((288 + i)) conv=notrunc status=none
done
if timeout -k 3 60 "$LKLUSB" mount --ro --key-file "$key" --uas "$img" "$dir" 2> "$WORK/out"; then
	cat "$dir/new/big" "$dir/big" > "$WORK/read" 2> "$WORK/out" && fail "changed sectors are read"
	grep -q 'Input/output error' "$WORK/out" || { cat "$WORK/out"; fail "another error"; }
	"$LKLUSB" dmesg "$dir" | grep -q 'INTEGRITY AEAD ERROR' || fail "nothing in the log"
	umount_stick
else
	grep -q 'fs-damaged' "$WORK/out" || { cat "$WORK/out"; fail "another error"; }
fi
