# SPDX-License-Identifier: GPL-2.0-only
# What bash and zsh complete is what the program has: commands, options, devices, mounts.
. "$TOP/tests/whole/lib.bash"
completion=$TOP/packaging/completion
mkdir "$WORK/bin" && ln -s "$LKLUSB" "$WORK/bin/lklusb" && ln -s "$LKLUSB" "$WORK/bin/lklfuse"
export PATH=$WORK/bin:$PATH
cd "$WORK" || fail cd

# bash_completes LINE: what bash offers at its end, one a line
bash_completes() {
	bash --norc -c '. "$1"
		COMP_LINE=$2 COMP_POINT=${#2}
		# as readline cuts it
		mapfile -t COMP_WORDS < <(sed "s/[:=]/\n&\n/g; s/ \+/\n/g" <<< "$2" | sed "/^$/d")
		[[ $2 == *" " ]] && COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_lklusb_bash "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" ""
		printf "%s\n" "${COMPREPLY[@]}"' x "$completion/lklusb.bash" "$1" 2> "$WORK/err"
	[ -s "$WORK/err" ] && { cat "$WORK/err" >&2; echo "error"; }
	return 0
}

# offers LINE WORD...: exactly these
offers() {
	local line=$1 got
	shift
	got=$(bash_completes "$line" | sort | tr '\n' ' ')
	[ "$got" = "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ] || fail "$line: $got"
}

# in_help COMMAND: options, found in another way than the completion does: word by word
in_help() {
	"$LKLUSB" "$1" --help | tr -s ' ,;()[]' '\n' | grep -xE -- '-[A-Za-z]|--[a-z-]+' | sort -u
}

commands=$("$LKLUSB" --help | sed -n '3,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<< "$commands")" -ge 7 ] || fail "commands: $commands"
offers "lklusb " $commands --help --version
: > known
for command in $commands; do
	bash_completes "lklusb $command -" | sort > offered
	{ in_help "$command"; echo --help; } | sort -u > wanted
	diff wanted offered || fail "$command: --help has, the completion offers"
	limit=20
	[ "$command" = watch ] && limit=1	# it goes on until it is ended
	while read -r option; do
		timeout -k 3 $limit "$LKLUSB" "$command" "$option" > out 2>&1 < /dev/null
		grep -qE "unrecognized|invalid option" out && fail "$command has no $option: $(cat out)"
	done < offered
	cat offered >> known
done
# and --help names every option that there is, but what only a request has
grep -hoE '\{ "[a-z-]+", (no|required)_argument' "$TOP"/tools/lklusb/*.[ch] |
	sed 's/{ "\([a-z-]*\)".*/--\1/; /^--version$/d; /^--owner-id$/d' | sort -u > table
[ "$(wc -l < table)" -ge 40 ] || fail "options: $(cat table)"
sort -u known | comm -23 table - > missing
[ -s missing ] && fail "not in --help: $(cat missing)"

# types are those that the program mounts
for type in $(bash_completes "lklusb mount --type "); do
	grep -q "\"$type\"" "$TOP/tools/lklusb/disk.c" || fail "type $type"
done
for value in $(bash_completes "lklusb mount --speed="); do
	timeout -k 3 20 "$LKLUSB" list --speed "$value" --help > out 2>&1 || fail "speed $value"
done
for word in $(bash_completes "lklusb mount -o ro,"); do
	grep -qE "^ro,(ro|rw|noatime|sync|dirsync|lazytime|noexec|allow_other|allow_root|nonempty|part=|uid=|gid=)$" <<< "$word" ||
		grep -qx -- "--${word#ro,}" table || fail "word $word"
done

touch "a stick.img" other
offers "lklusb mount a" "a stick.img"
offers "lklusb mount --owner m" me $(getent passwd | cut -d: -f1 | grep ^m)
offers "lklusb mount --owner www-d" www-data
offers "lklusb mount --owner ke" keep
offers "lklusb mount --owner=ke" keep
offers "lklusb mount --uas --owner keep ot" other
offers "lklusb mount --offset 1"
offers "lklusb mount --kernel-log ot" other
offers "lklusb mount other mn" mnt
offers "lklusb mount -o allow_o" allow_other
offers "lklusb mount -o ro,map-u" ro,map-user
offers "lklfuse a\\ stick.img mn" mnt
bash_completes "lklfuse -" | grep -qx -- -f || fail "lklfuse"

# mounts, whatever their names
make_fs ext4 "$img" 50M
dir="$WORK/mnt \$(touch ran) \`touch ran\`"
mkdir "$dir"
mount_stick "$img"
bash_completes "lklusb umount " | grep -qxF "$dir" || fail "mounts"
offers "lklusb status $WORK/mn" "$dir"
offers "lklusb dmesg /nowhere"
[ -e ran ] && fail "a name was run"

# devices: a stand-in says that there are some
mkdir "$WORK/fake"
cat > "$WORK/fake/lklusb" <<END
#!/bin/sh
[ "\$1 \$2" = "list -J" ] || exec "$LKLUSB" "\$@"
printf '[\n  {\n    "id":"1-1.3",\n    "node":"/dev/bus/usb/001/002"\n  },\n  {\n    "id":"2-1"\n  }\n]\n'
END
chmod +x "$WORK/fake/lklusb"
PATH=$WORK/fake:$PATH
offers "lklusb mount usb:" 1-1.3 2-1
offers "lklusb list usb" usb:1-1.3 usb:2-1
offers "lklusb export other usb:2" 2-1
hash -r

# ---- zsh, in its own line editor ----
mkdir "$WORK/functions"
cp "$completion/_lklusb.in" "$WORK/functions/_lklusb"
cat > "$WORK/zsh.zsh" <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
cd $WORK
zpty -w shell "cd $WORK; PATH=$PATH; fpath=($WORK/functions \$fpath); PS1=; setopt no_beep"
zpty -w shell "export LKLUSB_COMPLETION=$1/lklusb.bash; autoload -Uz compinit; compinit -D -u"
zpty -w shell 'compadd() { local -a __seen; builtin compadd -A __seen "$@"; print -rl -- $__seen >> $WORK/offered; builtin compadd "$@" }'
zpty -w shell 'offer() { : > $WORK/offered; BUFFER=$(<$WORK/line); CURSOR=$#BUFFER; zle complete-word; BUFFER=; print >> $WORK/done }; zle -N offer; bindkey "^T" offer'
for line in "${(f)$(<$WORK/lines)}"; do
	print -rn -- "$line" > $WORK/line
	rm -f $WORK/done
	zpty -w -n shell $'\x14'
	while [[ ! -e $WORK/done ]]; do zpty -r -t shell text; sleep 0.02; done
	print -r -- "$line => $(sort -u $WORK/offered | tr '\n' ' ')"
done
zpty -d shell
END
export WORK
printf '%s\n' "lklusb " "lklusb mount --owner " "lklusb mount --owner=" "lklusb umount " \
	"lklusb mount usb" "lklusb doctor -" "lklusb mount -o ro,map-u" "lklusb mount other mn" > lines
timeout -k 3 60 zsh -f "$WORK/zsh.zsh" "$completion" > zsh.out 2> zsh.err || fail "zsh: $(cat zsh.out zsh.err)"

# zsh_offers LINE PATTERN: among what it offers
zsh_offers() {
	grep -F -- "$1 => " zsh.out | grep -q -- "$2" || fail "zsh: $1: $2"
}
for command in $commands; do zsh_offers "lklusb " "$command"; done
zsh_offers "lklusb mount --owner " " keep .*me .*www-data "
zsh_offers "lklusb mount --owner=" " keep .*me .*www-data "
zsh_offers "lklusb umount " "mnt"
zsh_offers "lklusb mount usb" "usb:1-1.3 usb:2-1"
zsh_offers "lklusb doctor -" "--help --json -J"
zsh_offers "lklusb mount -o ro,map-u" "map-user"
zsh_offers "lklusb mount other mn" "mnt"
[ -e ran ] && fail "a name was run"
umount_stick
