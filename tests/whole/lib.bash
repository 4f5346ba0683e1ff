# SPDX-License-Identifier: GPL-2.0-only
# For the tests of the whole path: images, mounts as an ordinary user, checks.
#
# tests/run sets TOP (the checkout) and WORK (this test's own folder). As root the
# test starts itself again as uid 65534, because that is who mounts sticks.
set -u
LKLUSB=$TOP/build/lklusb
BEHAVIOUR=$TOP/build/host/tests/fuse/fs-behaviour
dir=$WORK/mnt
img=$WORK/stick.img

if [ "$(id -u)" = 0 ] && [ -z "${AS_ROOT:-}" ]; then
	# Its folder and all above must be open to that user.
	if ! setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$LKLUSB"; then
		echo "uid 65534 cannot reach $TOP" >&2
		exit 1
	fi
	chown -R 65534:65534 "$WORK"
	HOME=$WORK XDG_RUNTIME_DIR='' exec setpriv --reuid 65534 --regid 65534 \
		--clear-groups bash "$0" "$@"
fi
export PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$dir"
mounts=0

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# For tests with several users: goes on as root, or through sudo, which make deps needs as
# well. Arguments: the test's.
need_root() {
	local status
	[ "$(id -u)" = 0 ] && return
	sudo -n true 2> /dev/null || fail "needs root, or sudo without a password"
	sudo -n env TOP="$TOP" WORK="$WORK" LC_ALL=C.UTF-8 bash "$0" "$@"
	status=$?
	sudo -n chown -R "$(id -u)" "$WORK"
	trap - EXIT
	exit $status
}

# What a failed test left mounted; the serving processes are this test's own.
cleanup() {
	local d
	for d in "$WORK"/mnt*; do
		mountpoint -q "$d" 2>/dev/null && fusermount3 -u -z "$d"
	done
	return 0
}
trap cleanup EXIT

# Formats [offset] of file $2 of size $3 bytes, or creates it.
make_fs() {
	local type=$1 file=$2 size=$3
	truncate -s "$size" "$file"
	case $type in
	ext2 | ext3 | ext4) "mkfs.$type" -q -F -b 4096 -L "stick" "$file" ;;
	xfs) mkfs.xfs -q -f -L stick "$file" ;;
	btrfs) mkfs.btrfs -q -f -L stick "$file" ;;
	vfat) mkfs.vfat -F 32 -n STICK "$file" > /dev/null ;;
	exfat) mkfs.exfat -L stick "$file" > /dev/null ;;
	f2fs) mkfs.f2fs -q -f -l stick "$file" > /dev/null ;;
	ntfs) mkntfs -q -F -f -L stick "$file" > /dev/null 2>&1 ;;
	udf) mkudffs -l stick "$file" > /dev/null ;;
	*) fail "make_fs $type" ;;
	esac || fail "mkfs $type"
}

# fs_size TYPE: an image big enough for its mkfs
fs_size() {
	case $1 in
	xfs) echo 400M ;;
	btrfs) echo 256M ;;
	*) echo 200M ;;
	esac
}

check_fs() {
	local type=$1 file=$2
	case $type in
	ext2 | ext3 | ext4) e2fsck -fn "$file" ;;
	xfs) xfs_repair -n "$file" ;;
	btrfs) btrfs check "$file" ;;
	vfat) fsck.vfat -n "$file" ;;
	exfat) fsck.exfat -n "$file" ;;
	f2fs) fsck.f2fs --dry-run "$file" ;;
	ntfs) ntfsfix -n "$file" ;;
	udf) udfinfo "$file" ;;
	esac > "$WORK/fsck.log" 2>&1 || { cat "$WORK/fsck.log"; fail "fsck $type"; }
}

# mount_stick SRC [options]: on $dir; the guest's log is looked at by tests/run
mount_stick() {
	local src=$1
	shift
	mounts=$((mounts + 1))
	timeout -k 3 60 "$LKLUSB" mount --kernel-log "$WORK/guest$mounts.dmesg" "$@" \
		"$src" "$dir" || fail "mount $src $*"
	mountpoint -q "$dir" || fail "mount returned, but nothing is mounted"
}

umount_stick() {
	timeout -k 3 60 "$LKLUSB" umount -q "${1:-$dir}" || fail "umount"
	mountpoint -q "${1:-$dir}" && fail "umount returned, but it is mounted"
	return 0
}

# Process that serves $dir.
server_of() {
	"$LKLUSB" status -J "${1:-$dir}" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'
}

wait_gone() {
	local i
	for i in $(seq 100); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	fail "process $1 does not end"
}

# The broker takes a mount away when the process that served it is gone.
wait_unmounted() {
	local i
	for i in $(seq 100); do
		grep -q " ${1:-$dir} " /proc/self/mountinfo || return 0
		sleep 0.1
	done
	fail "a dead mount stays on ${1:-$dir}"
}

# refused CODE STATUS command...: fails with this code and exit status, leaves
# nothing behind, within 20 s
refused() {
	local code=$1 want=$2 status
	shift 2
	timeout -k 3 20 "$@" > "$WORK/out" 2>&1
	status=$?
	grep -q "\[$code\]" "$WORK/out" || { cat "$WORK/out"; fail "no [$code] from $*"; }
	[ "$status" = "$want" ] || { cat "$WORK/out"; fail "status $status, not $want: $*"; }
	if [ -d "$dir" ] && mountpoint -q "$dir"; then fail "left a mount: $*"; fi
}

# A tree of files of many sizes, with names that need care.
make_tree() {
	local to=$1 i
	mkdir -p "$to/a/b/c" "$to/empty" "$to/with space" "$to/üñí"
	for i in 0 1 511 512 513 4095 4096 4097 65536 1048577; do
		head -c "$i" /dev/urandom > "$to/a/f$i"
	done
	head -c 9000000 /dev/urandom > "$to/a/b/big"
	for i in $(seq 200); do
		echo "file $i" > "$to/a/b/c/small$i"
	done
	echo x > "$to/with space/a file.txt"
	echo x > "$to/üñí/日本語"
}
