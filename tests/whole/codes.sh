# SPDX-License-Identifier: GPL-2.0-only
# Every [code] is in the manual, and the manual has no others.
set -eu
cd "$TOP"
grep -zohE 'report\([A-Za-z_]+,\s*"[a-z-]+"' tools/*/*.c | tr '\0' '\n' | sed -n 's/.*"\([a-z-]*\)".*/\1/p' | sort -u > "$WORK/code"
sed -n 's/^\*\([a-z-]*\)\*$/\1/p' man/lklusb-errors.7.scd | sort -u > "$WORK/manual"
[ "$(wc -l < "$WORK/code")" -gt 20 ]
diff "$WORK/code" "$WORK/manual"
