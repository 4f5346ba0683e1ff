# SPDX-License-Identifier: GPL-2.0-only
# bash completion of lklusb and lklfuse. The program itself says what its commands and
# options are (--help), so this knows only what values look like. zsh's (_lklusb) reads
# the first half, which is plain sh, from here.

# _lklusb_options PROGRAM [COMMAND]: each option that --help names, one a line
_lklusb_options() {
	{ "$@" --help 2> /dev/null; echo --help; } |
		grep -oE '(^|[][ ,;(])--?[A-Za-z][A-Za-z-]*' | sed 's/^[^-]*//' | sort -u
}

_lklusb_commands() {
	"$1" --help 2> /dev/null | sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p' | grep -v '^lklusb$'
}

# Folders that this user's mounts are on.
_lklusb_mounts() {
	"$1" status -J 2> /dev/null | sed -n 's/^ *"dir": *"\([^\\]*\)",*$/\1/p'
}

# USB devices that can be mounted, as SRC.
_lklusb_devices() {
	"$1" list -J 2> /dev/null | sed -n 's/^ *"id": *"\([^\\"]*\)",*$/usb:\1/p'
}

# _lklusb_values OPTION: what its value may be; @file, @words (of -o); status 1: not known
_lklusb_values() {
	case $1 in
	-t | --type) echo ext2 ext3 ext4 xfs btrfs f2fs vfat exfat ntfs3 iso9660 udf squashfs erofs ;;
	-p | --partition) echo 1 2 3 4 LABEL= UUID= PARTLABEL= PARTUUID= ;;
	--owner) echo me keep; getent passwd | cut -d: -f1 ;;
	--umask) echo 022 027 077 ;;
	--map-user | --map-group) echo 1000:me ;;
	--speed) echo super high ;;
	--sector-size) echo 512 4096 ;;
	--trace-format) echo usbmon usbip ;;
	--filter) echo powercut fault: delay: ;;
	--listen) echo 127.0.0.1:3240 ;;
	--plain) echo aes-xts-plain64 aes-cbc-essiv:sha256 ;;
	--hash) echo sha256 sha512 ripemd160 ;;
	--key-size) echo 256 512 ;;
	--mem) echo 64M 256M 1G ;;
	--key-file | --header | --kernel-log | --trace | --askpass | --unix | --exec | --mount) echo @file ;;
	-o) echo @words ;;
	*) return 1 ;;
	esac
}

# Words of -o: those of mount(8), and the long options without their dashes.
_lklusb_words() {
	echo ro rw noatime sync dirsync lazytime noexec allow_other allow_root nonempty part= uid= gid=
	_lklusb_options "$1" mount | sed -n 's/^--//p' | grep -vxE 'help|quiet|verbose|foreground'
}

# Has the option a value? --help has a word in capitals behind it.
_lklusb_takes_value() {
	_lklusb_values "$3" > /dev/null ||
		"$1" "$2" --help 2> /dev/null | grep -qE -- "(^|[ ,])$3 [A-Z]"
}

# How many arguments that are no options and no values of some are among the words.
_lklusb_count() {
	local program=$1 command=$2 before= n=0
	shift 2
	while [ $# -gt 0 ]; do
		case $1 in
		-*) ;;
		*)
			case $before in
			-*=*) n=$((n + 1)) ;;
			-*) _lklusb_takes_value "$program" "$command" "$before" || n=$((n + 1)) ;;
			*) n=$((n + 1)) ;;
			esac
			;;
		esac
		before=$1
		shift
	done
	echo $n
}

# ---- bash ----

# _lklusb_reply CUR [BEFORE]: those of the lines of stdin that fit, with BEFORE in front.
# Not compgen -W, which would run what is between backquotes in a name.
_lklusb_reply() {
	local line
	while IFS= read -r line; do
		[[ -n $line && $line == "$1"* ]] && COMPREPLY+=("${2-}$line")
	done
}

_lklusb_files() {
	compopt -o filenames 2> /dev/null
	mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen "$@")
}

_lklusb_value() {
	local program=$1 values=$2 cur=$3 head=
	case $values in
	@file) _lklusb_files -f -- "$cur" ;;
	@words)
		compopt -o nospace 2> /dev/null
		[[ $cur == *,* ]] && head=${cur%,*},
		_lklusb_reply "${cur##*,}" "$head" < <(_lklusb_words "$program" | tr ' ' '\n')
		;;
	*) _lklusb_reply "$cur" <<< "${values// /$'\n'}" ;;
	esac
}

# _lklusb_argument PROGRAM COMMAND N CUR: the N-th that is no option
_lklusb_argument() {
	case $2:$3 in
	mount:1) _lklusb_files -d -- "$4" ;;
	mount:0 | list:0 | probe:0 | shell:0 | cp:* | export:*)
		_lklusb_files -f -- "$4"
		_lklusb_reply "$4" < <(_lklusb_devices "$1")
		;;
	umount:0 | status:0 | dmesg:0)
		compopt -o filenames 2> /dev/null
		_lklusb_reply "$4" < <(_lklusb_mounts "$1")
		;;
	esac
}

_lklusb_bash() {
	local program=$1 command words=() first=2 line=${COMP_LINE:0:COMP_POINT} cur prev values head
	local help=("$1")

	COMPREPLY=()
	# Words as they were typed: bash cuts them at : and =, too.
	read -a words <<< "$line"
	[[ $line == *[[:space:]] ]] && words+=("")
	cur=${words[-1]} command=${words[1]-}
	if [ "${program##*/}" = lklfuse ]; then
		command=mount first=1
	elif [ ${#words[@]} -le 2 ]; then
		_lklusb_reply "$cur" < <(_lklusb_commands "$program"; echo --help; echo --version)
		return
	else
		help+=("$command")
	fi
	prev=
	[ ${#words[@]} -gt $((first + 1)) ] && prev=${words[-2]}
	if [[ $cur == --*=* ]]; then
		prev=${cur%%=*} cur=${cur#*=}
	fi
	if values=$(_lklusb_values "$prev"); then
		_lklusb_value "$program" "$values" "$cur"
	elif [[ $cur == -* ]]; then
		_lklusb_reply "$cur" < <(_lklusb_options "${help[@]}")
	elif [[ $prev != -* ]] || ! _lklusb_takes_value "$program" "$command" "$prev"; then
		_lklusb_argument "$program" "$command" \
			"$(_lklusb_count "$program" "$command" "${words[@]:first:${#words[@]}-first-1}")" "$cur"
	fi
	# bash puts the reply behind the last colon of what was typed.
	if [[ $COMP_WORDBREAKS == *:* && $cur == *:* ]]; then
		head=${cur%"${cur##*:}"}
		COMPREPLY=("${COMPREPLY[@]#"$head"}")
	fi
}

[ -z "${BASH_VERSION-}" ] || complete -F _lklusb_bash lklusb lklfuse
