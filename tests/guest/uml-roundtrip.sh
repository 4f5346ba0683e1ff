# SPDX-License-Identifier: GPL-2.0-only
# A stock kernel with our module: mount, write, read back, unmount; a second boot
# against the same daemon finds the same files, and the host a clean filesystem.
# variant: speed=super
# variant: speed=high
# variant: sector-size=4096
# variant: protocol=uas
# limit: 200
. "$TOP/tests/guest/lib.bash"
make_ext4 "$img" 128M
start_daemon "$img,$1"
run_guest first 60 <<'END'
load
wait_disk sda
mount_disk sda
for i in 0 1 511 512 4095 4096 4097 65537 1048577 20000000; do
	head -c "$i" /dev/urandom > "/run/mnt/f$i"
done
mkdir /run/mnt/many
for i in $(seq 300); do echo "file $i" > "/run/mnt/many/$i"; done
cd /run/mnt
find . -type f -print0 | sort -z | xargs -0 sha256sum > /run/sums
cp /run/sums sums
cd /
drop_caches
(cd /run/mnt && sha256sum --quiet -c /run/sums) || fail "other data after dropping caches"
umount_disk
mount_disk sda
(cd /run/mnt && sha256sum --quiet -c sums) || fail "other data after mounting again"
umount_disk
unload
[ ! -b /dev/sda ] || fail "the disk stays without its driver"
END
[ "$1" != protocol=uas ] || grep -q 'scsi host0: uas' "$WORK/first.dmesg" || fail "not UAS"
check_ext4 "$img"
run_guest second 60 <<'END'
load
wait_disk sda
mount_disk sda
(cd /run/mnt && sha256sum --quiet -c sums) || fail "other data in the second guest"
rm -r /run/mnt/many /run/mnt/f20000000
umount_disk
END
stop_daemon
check_ext4 "$img"
debugfs -R 'cat /f1048577' "$img" 2>/dev/null > "$WORK/f"
debugfs -R 'cat /sums' "$img" 2>/dev/null > "$WORK/sums"
[ "$(sha256sum < "$WORK/f" | cut -c1-64)" = "$(sed -n 's/ .*f1048577$//p' "$WORK/sums")" ] ||
	fail "the host reads other data"
grep -q 'front end dropped' "$WORK/daemon.log" && fail "a front end was dropped"
exit 0
