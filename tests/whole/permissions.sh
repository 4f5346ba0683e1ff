# SPDX-License-Identifier: GPL-2.0-only
# Each row of docs/permissions.md: who may do what, whose it is here and on the stick.
# variant: me
# variant: others
# variant: umask
# variant: keep
# variant: map
# variant: second
# variant: names
# variant: vfat
# variant: ntfs
# Several users are needed: root starts it and acts for them.
AS_ROOT=1
. "$TOP/tests/whole/lib.bash"
need_root "$@"
# Users here (fusermount3 wants a name for who mounts); 1000 wrote the stick elsewhere.
al=$(id -u www-data) bo=54002
# Another user's mount does not even let root look.
cleanup() {
	local d
	for d in "$dir" "${dir}2"; do
		grep -q " $d fuse.lklusb " /proc/mounts && fusermount3 -u -z "$d"
	done
	return 0
}
chmod 755 "$WORK"
chown $al "$dir"
export HOME=$WORK XDG_RUNTIME_DIR=

# as UID[+GROUP] command...
as() {
	local who=${1%+*} groups=--clear-groups
	[ "$who" = "$1" ] || groups="--groups ${1#*+}"
	shift
	setpriv --reuid "$who" --regid "$who" $groups "$@"
}

# may/cannot WHO SCRIPT ARGUMENT...: $1, $2 are the arguments
may() {
	local who=$1 script=$2
	shift 2
	as "$who" bash -c "$script" x "$@" 2> "$WORK/err" || fail "$who may not: $script $*: $(cat "$WORK/err")"
}
cannot() {
	local who=$1 why=$2 script=$3
	shift 3
	as "$who" bash -c "$script" x "$@" > /dev/null 2> "$WORK/err" && fail "$who may: $script $*"
	grep -q "$why" "$WORK/err" || fail "$who: not \"$why\": $script $*: $(cat "$WORK/err")"
}
no="Permission denied"
append='echo more >> "$1"'
create='echo new > "$1"'

# shows MODE:UID:GID FILE
shows() {
	[ "$(stat -c %a:%u:%g "$dir/$2")" = "$1" ] || fail "$2 is $(stat -c %a:%u:%g "$dir/$2"), not $1"
}

# on_stick UID GID FILE: as the filesystem has it
on_stick() {
	debugfs -R "stat /$3" "$img" 2>/dev/null | grep -qE "^User: +$1 +Group: +$2 " ||
		fail "$3 on the stick: $(debugfs -R "stat /$3" "$img" 2>/dev/null | grep ^User)"
}

# A stick of another machine: its user 1000, and root.
stick() {
	local t=$WORK/t
	mkdir -p "$t/private" "$t/shared" "$t/group"
	for f in mine everybodys groups private/f; do echo text > "$t/$f"; done
	echo text > "$t/roots"
	cp /bin/id "$t/suid"
	chmod 600 "$t/mine"; chmod 666 "$t/everybodys"; chmod 660 "$t/groups"
	chown -R 1000:1000 "$t"
	chown 0:0 "$t/roots" "$t/suid"
	chmod 400 "$t/roots"; chmod 4755 "$t/suid"
	chmod 700 "$t/private"; chmod 1777 "$t/shared"; chmod 2775 "$t/group"
	mknod "$t/disk" b 8 0; chmod 666 "$t/disk"
	truncate -s 100M "$img"
	mkfs.ext4 -q -F -d "$t" -L stick "$img" || fail mkfs
	chown $al "$img"
}

# mount_as UID [options]
mount_as() {
	local who=$1
	shift
	mounts=$((mounts + 1))
	rm -f "$WORK/guest$mounts.dmesg"
	touch "$WORK/guest$mounts.dmesg"; chown "$who" "$WORK/guest$mounts.dmesg"
	as "$who" timeout -k 3 60 "$LKLUSB" mount --kernel-log "$WORK/guest$mounts.dmesg" "$@" \
		"$img" "$dir" || fail "mount $*"
}
umount_as() {
	as "$1" timeout -k 3 60 "$LKLUSB" umount -q "$dir" || fail "umount"
}

no_devices_no_setuid() {
	findmnt -n -o OPTIONS "$dir" | grep nosuid | grep -q nodev || fail "nosuid, nodev"
	[ "$(as $al "$dir/suid" -u)" = $al ] || fail "a setuid program of the stick works"
	cannot $al "$no" 'cat "$1"' "$dir/disk"
	cannot $al "not permitted\|$no" 'mknod "$1" c 1 3' "$dir/null"
}

case $1 in
me)	# one owner, and nobody else gets in
	stick
	mount_as $al
	ls -l "$dir" > /dev/null 2>&1 && fail "root got in"
	cannot $bo "$no" 'ls "$1"' "$dir"
	as $al ls -ln "$dir" "$dir/private" > "$WORK/list"
	[ "$(awk 'NF == 9 || NF == 10 { print $3, $4 }' "$WORK/list" | sort -u)" = "$al $al" ] ||
		fail "owners: $(cat "$WORK/list")"
	for f in mine everybodys groups roots private/f; do may $al "$append" "$dir/$f"; done
	may $al 'test -r "$1" -a -w "$1"' "$dir/roots"
	cannot $al "$no" '"$1"' "$dir/mine"
	may $al "$create" "$dir/private/new"
	may $al 'chmod 640 "$1" && [ $(stat -c %a "$1") = 640 ]' "$dir/mine"
	may $al "chown $al:$al \"\$1\"" "$dir/roots"
	cannot $al "not permitted" 'chown 1000 "$1"' "$dir/mine"
	may $al 'chmod 4755 "$1"' "$dir/private/new"
	may $al 'setfacl -m u:1000:r "$1" && getfacl -n "$1" | grep -q user:1000:r--' "$dir/groups"
	may $al 'setfattr -n user.a -v b "$1"' "$dir/groups"
	no_devices_no_setuid
	umount_as $al
	on_stick $al $al private/new
	on_stick 1000 1000 mine
	on_stick 0 0 roots
	;;
others)	# one owner, others get in: what the stick lets everybody read, and no more
	stick
	mount_as 0 --owner $al:$al -o allow_other
	shows 600:$al:$al mine
	shows 644:$al:$al everybodys
	shows 600:$al:$al groups
	shows 1755:$al:$al shared
	for f in mine everybodys groups private/f; do may $al "$append" "$dir/$f"; done
	cannot $al "$no" 'cat "$1" >> "$2"' "$dir/mine" "$dir/roots"
	may $al 'chmod u+w "$1" && echo more >> "$1"' "$dir/roots"
	may $bo 'cat "$1"' "$dir/everybodys"
	for who in $bo $bo+$al 1000; do
		cannot $who "$no" 'cat "$1"' "$dir/mine"
		cannot $who "$no" 'cat "$1"' "$dir/groups"
		cannot $who "$no" 'ls "$1"' "$dir/private"
		cannot $who "$no" "$append" "$dir/everybodys"
		cannot $who "$no" "$create" "$dir/shared/new"
		cannot $who "$no" "$create" "$dir/group/new"
		cannot $who "not permitted" 'chmod 777 "$1"' "$dir/everybodys"
		cannot $who "not permitted" 'setfattr -n trusted.a -v b "$1"' "$dir/everybodys"
	done
	may $al "umask 0; $create" "$dir/shared/new"
	shows 644:$al:$al shared/new
	cannot $al "not supported" 'setfacl -m u:1000:r "$1"' "$dir/mine"
	no_devices_no_setuid
	umount_as 0
	on_stick $al $al shared/new
	debugfs -R "stat /shared/new" "$img" 2>/dev/null | grep -q "Mode: *0666" || fail "mode on the stick"
	;;
umask)	# the user says what may not be done
	stick
	mount_as 0 -o uid=$al,gid=$al,umask=007,allow_other
	shows 660:$al:$al mine
	shows 660:$al:$al roots
	shows 770:$al:$al private
	may $bo+$al "$append" "$dir/mine"
	may $bo+$al 'test -x "$1"' "$dir/suid"
	cannot $bo "$no" 'cat "$1"' "$dir/everybodys"
	umount_as 0
	mount_as $al --umask 0222
	as $al stat -c %a "$dir/mine" | grep -q '^444$' || fail "mode"
	cannot $al "$no" "$append" "$dir/mine"
	umount_as $al
	refused owner 1 "$LKLUSB" mount --umask 8 "$img" "$dir"
	refused owner 1 "$LKLUSB" mount --umask 22 --owner keep "$img" "$dir"
	refused owner 1 "$LKLUSB" mount -o uid=x "$img" "$dir"
	;;
keep)	# the stick's owners, the host checks
	stick
	mount_as 0 --owner keep -o allow_other
	shows 600:1000:1000 mine
	shows 400:0:0 roots
	may 1000 "$append" "$dir/mine"
	may $al "$append" "$dir/everybodys"
	cannot $al "$no" "$append" "$dir/groups"
	may $al+1000 "$append" "$dir/groups"
	cannot 1000 "$no" 'cat "$1"' "$dir/roots"
	cannot $al "$no" "$create" "$dir/group/new"
	may $al+1000 "$create" "$dir/group/new"
	shows 644:$al:1000 group/new
	may $al "$create" "$dir/shared/als"
	cannot $bo "not permitted" 'rm -f "$1"' "$dir/shared/als"
	cannot $al "not permitted" "chown $bo \"\$1\"" "$dir/shared/als"
	may $al 'chmod 4755 "$1"' "$dir/shared/als"
	chown $bo:$bo "$dir/shared/als" || fail "root cannot chown"
	shows 755:$bo:$bo shared/als
	may 1000 "setfacl -m u:$bo:rw \"\$1\"" "$dir/mine"
	may $bo "$append" "$dir/mine"
	cannot $al "$no" 'cat "$1"' "$dir/mine"
	cannot $bo "not permitted" 'setfacl -b "$1"' "$dir/mine"
	setfattr -n trusted.a -v b "$dir/everybodys" || fail "setfattr"
	getfattr -m - -d "$dir/everybodys" 2>/dev/null | grep -q trusted.a || fail "getfattr"
	may $al '! getfattr -m - -d "$1" 2>/dev/null | grep trusted' "$dir/everybodys"
	no_devices_no_setuid
	umount_as 0
	on_stick $al 1000 group/new
	on_stick $bo $bo shared/als
	;;
map)	# the stick's owners have others here
	stick
	mount_as 0 --map-user 1000:$al --map-group 1000:$al -o allow_other
	ls -ln "$dir" | grep -qE " $al +$al .* mine$" || fail "readdirplus"
	shows 600:$al:$al mine
	shows 400:65534:65534 roots
	may $al "$append" "$dir/mine"
	cannot 1000 "$no" 'cat "$1"' "$dir/mine"
	may $al "$create" "$dir/shared/als"
	shows 644:$al:$al shared/als
	cannot 65534 "$no" 'cat "$1"' "$dir/roots"
	cannot 0 "$no" "$append" "$dir/roots"
	cannot $bo "too large" "$create" "$dir/shared/bos"
	chown $bo "$dir/mine" 2> "$WORK/err" && fail "chown to nobody's counterpart"
	grep -q "too large" "$WORK/err" || fail "chown: $(cat "$WORK/err")"
	may $al "setfacl -m u:$al:r,g:$al:r \"\$1\"" "$dir/groups"
	getfacl -n "$dir/groups" 2>/dev/null | grep -q "^user:$al:r--" || fail "list"
	cannot $al "too large" "setfacl -m u:$bo:r \"\$1\"" "$dir/everybodys"
	umount_as 0
	on_stick 1000 1000 shared/als
	mount_as 0 --owner keep
	getfacl -n "$dir/groups" 2>/dev/null | grep -q "^group:1000:r--" || fail "list on the stick"
	setfacl -m u:1234:rw "$dir/groups" || fail "setfacl"
	umount_as 0
	mount_as 0 --map-user 1000:$al -o allow_other,map-group=1000:$al
	getfacl -n "$dir/groups" 2>/dev/null > "$WORK/acl"
	grep -q "^user:$al:r--" "$WORK/acl" || fail "list with somebody unknown"
	grep -q 1234 "$WORK/acl" && fail "somebody unknown is shown"
	cannot $al "too large" "setfacl -m u:$al:rw \"\$1\"" "$dir/groups"
	umount_as 0
	mount_as $al --map-user 1000:me --map-group 1000:me:1
	may $al "$append" "$dir/mine"
	may $al "$create" "$dir/private/new"
	umount_as $al
	on_stick 1000 1000 private/new
	for bad in 1000 1000: :5 1000:you 1000:5:0 1000:4294967295 -1:5 0:5:4294967295 1000:5:1x; do
		refused owner 1 "$LKLUSB" mount --map-user "$bad" "$img" "$dir"
	done
	refused owner 1 "$LKLUSB" mount --map-user 1000:1:5 --map-user 2000:5 "$img" "$dir"
	refused owner 1 "$LKLUSB" mount --map-user 1000:1 --owner me "$img" "$dir"
	;;
names)	# of users and groups: whose they are is looked up where the command is given
	stick
	name=www-data group=$(id -gn $al)
	for who in $name "$name:" "$name:$group" "+$al" ":$group" "0:$group" "$name:0"; do
		gid=0 uid=$al
		case $who in
		*:0 | $name) gid=0 ;;
		+*)	refused owner 1 "$LKLUSB" mount --owner "$who" "$img" "$dir"
			continue ;;
		*) gid=$(id -g $al) ;;
		esac
		case $who in :* | 0:*) uid=0 ;; esac
		mount_as 0 --owner "$who" -o allow_other
		shows 600:$uid:$gid mine
		umount_as 0
	done
	mount_as 0 -o uid=$name,gid=$group,allow_other
	shows 600:$al:$(id -g $al) mine
	umount_as 0
	mount_as 0 --map-user 1000:$name --map-group 1000:$group:1 -o allow_other
	shows 600:$al:$(id -g $al) mine
	umount_as 0
	for bad in nobody-here nobody-here: : nobody-here:$group $name:no-group $name:$group:; do
		refused owner 1 "$LKLUSB" mount --owner "$bad" "$img" "$dir"
	done
	refused owner 1 "$LKLUSB" mount --map-user 1000:nobody-here "$img" "$dir"
	# A second mount of a stick: whose names are known to who asks, not to who serves.
	mv "$img" "$WORK/part"
	truncate -s 220M "$img"
	printf 'label: gpt
start=1MiB, size=100MiB
start=110MiB, size=100MiB
' | sfdisk -q "$img" || fail sfdisk
	dd if="$WORK/part" of="$img" bs=1M seek=1 conv=notrunc,sparse status=none
	dd if="$WORK/part" of="$img" bs=1M seek=110 conv=notrunc,sparse status=none
	mkdir "${dir}2"
	echo "only-here:x:$al:$al::/:/bin/sh" > "$WORK/passwd"
	echo "only-this:x:$bo:" > "$WORK/group"
	mount_as 0 -p1 --owner keep
	env LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_PASSWD="$WORK/passwd" \
		NSS_WRAPPER_GROUP="$WORK/group" timeout -k 3 60 "$LKLUSB" mount -p2 \
		--kernel-log "$WORK/guest$mounts.dmesg" --owner only-here:only-this \
		-o allow_other "$img" "${dir}2" || fail "second"
	[ "$(stat -c %u:%g "${dir}2/mine")" = $al:$bo ] || fail "the second mount's owner"
	umount_stick "${dir}2"
	umount_as 0
	;;
second)	# partitions of one stick, one process: each mount has its own owners
	stick
	mv "$img" "$WORK/part"
	truncate -s 220M "$img"
	printf 'label: gpt\nstart=1MiB, size=100MiB\nstart=110MiB, size=100MiB\n' | sfdisk -q "$img" || fail sfdisk
	dd if="$WORK/part" of="$img" bs=1M seek=1 conv=notrunc,sparse status=none
	dd if="$WORK/part" of="$img" bs=1M seek=110 conv=notrunc,sparse status=none
	chown $al "$img"
	mkdir "${dir}2"
	chown $al "${dir}2"
	mount_as $al -p1 --map-user 1000:me --map-group 1000:me
	as $al timeout -k 3 60 "$LKLUSB" mount --kernel-log "$WORK/guest1.dmesg" \
		-p2 --umask 0077 "$img" "${dir}2" || fail "second"
	[ "$(server_of)" = "$(server_of "${dir}2")" ] || fail "two processes"
	may $al '[ $(stat -c %a:%u "$1/roots") = 400:65534 ]' "$dir"
	may $al '[ $(stat -c %a:%u "$1/roots") = 600:'$al' ]' "${dir}2"
	may $al "$append" "${dir}2/roots"
	cannot $al "$no" "$append" "$dir/roots"
	may $al "$create" "$dir/private/new"
	may $al "$create" "${dir}2/private/new"
	may $al '[ $(stat -c %u "$1/private/new") = '$al' ]' "$dir"
	dir=${dir}2 umount_as $al
	umount_as $al
	dd if="$img" of="$WORK/part" bs=1M skip=1 count=100 conv=sparse status=none
	img=$WORK/part on_stick 1000 1000 private/new
	dd if="$img" of="$WORK/part" bs=1M skip=110 count=100 conv=sparse status=none
	img=$WORK/part on_stick $al $al private/new
	;;
vfat | ntfs)	# no owners: the one who mounts, whatever is said
	make_fs "$1" "$img" 100M
	chown $al "$img"
	for owner in me keep; do
		mount_as $al --owner $owner
		may $al "$create" "$dir/new"
		may $al 'mkdir "$1"; echo a > "$1/a"; [ $(stat -c %u "$1/a") = '$al' ]' "$dir/d"
		umount_as $al
		mount_as 0 --owner $owner -o uid=$al,gid=$al,allow_other
		may $bo 'cat "$1"' "$dir/new"
		cannot $bo "$no" "$append" "$dir/new"
		cannot $bo "$no" "$create" "$dir/d/b"
		umount_as 0
	done
	;;
esac
