# SPDX-License-Identifier: GPL-2.0-only
# A UML kernel whose disks are the images, for lvm2 and btrfs-progs: the second
# implementations that ours are compared with. lvm2 needs no device mapper to make volumes.

# on_disks IMAGE... < commands: /dev/ubda, /dev/ubdb, ... are the images
on_disks() {
	local disks=() letter=0 file
	for file in "$@"; do
		disks+=("ubd$letter=$file")
		letter=$((letter + 1))
	done
	{
		cat <<-END
		#!/bin/bash
		export PATH=/usr/sbin:/usr/bin:/sbin:/bin LVM_SYSTEM_DIR=/run/lvm LC_ALL=C.UTF-8
		mount -t proc proc /proc
		mount -t sysfs sys /sys
		mount -t tmpfs tmp /run
		mkdir /run/lvm
		cat > /run/lvm/lvm.conf <<-CONF
		devices {
			dir = "/dev"
			scan = [ "/dev" ]
			use_devicesfile = 0
			filter = [ "a|^/dev/ubd|", "r|.*|" ]
			external_device_info_source = "none"
			md_component_detection = 0
		}
		global { activation = 0 }
		backup { backup = 0 archive = 0 }
		CONF
		lv() {
			lvcreate -q -q -an -Zn -Wn -y "\$@"
		}
		(
		set -e
		END
		cat
		echo ') > "'"$WORK"'/disks.log" 2>&1; echo $? > "'"$WORK"'/disks.status"'
		echo 'sync; echo o > /proc/sysrq-trigger; sleep 10'
	} > "$WORK/disks.init"
	chmod +x "$WORK/disks.init"
	rm -f "$WORK/disks.status"
	timeout -k 3 60 "$TOP/build/uml-linux" mem=128M root=/dev/root rootfstype=hostfs rootflags=/ \
		rw init="$WORK/disks.init" con=null con0=null,fd:1 quiet uml_dir="$WORK" "${disks[@]}" \
		< /dev/null > "$WORK/disks.console" 2>&1
	[ "$(cat "$WORK/disks.status" 2> /dev/null)" = 0 ] ||
		{ cat "$WORK/disks.console" "$WORK/disks.log"; fail "the guest with the disks"; }
}

# In a guest's commands: where everything is, for lvm-copy.py.
lvm_map='pvs --noheadings --units s --nosuffix --separator , -o pv_name,pe_start > "'$WORK'/pvs"
lvs --segments --noheadings --units s --nosuffix --separator "|" \
	-o vg_name,lv_name,vg_extent_size,stripes,stripe_size,seg_size_pe,devices > "'$WORK'/lvs"'

# lvm_copy in|out GROUP/NAME FILE IMAGE...: as lvm2 says where that is
lvm_copy() {
	python3 "$TOP/tests/whole/lvm-copy.py" "$WORK" "$@" || fail "lvm-copy $*"
}

# lvm_has FOLDER FILE STRIPED IMAGE...: as lvm2 says where that is, group/lin has the folder
# as /new, and the volume STRIPED, a vfat, has the file's bytes in one piece.
lvm_has() {
	local folder=$1 file=$2 striped=$3
	shift 3
	lvm_copy out group/lin "$WORK/lin" "$@"
	lvm_copy out "$striped" "$WORK/str" "$@"
	check_fs ext4 "$WORK/lin"
	check_fs vfat "$WORK/str"
	mkdir "$WORK/lvm2"
	debugfs -R "rdump /new $WORK/lvm2" "$WORK/lin" 2> /dev/null
	diff -r "$folder" "$WORK/lvm2/new" || fail "lvm2's volume has something else"
	python3 -c 'import sys; sys.exit(open(sys.argv[1], "rb").read() not in open(sys.argv[2], "rb").read())' \
		"$file" "$WORK/str" || fail "lvm2's striped volume has something else"
}
