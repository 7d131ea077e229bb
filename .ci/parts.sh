# Sourced by run and long: runs the parts of a check, and tells at the end how long each took, and which test binaries
# took longest. Needs `set -o pipefail`: the result of a part must be that of its command.

parts=()
output=$(mktemp)

# part NAME COMMAND...: runs it; its result is that of the command.
part() {
  local name="$1" begun=$SECONDS result=0
  shift
  "$@" 2>&1 | tee -a "$output" || result=$?
  parts+=("$(printf '%6d s  %-7s %s' $((SECONDS - begun)) "$([ $result = 0 ] && echo ok || echo FAILED)" "$name")")
  return $result
}

# The ten test binaries that took longest, by what cargo said of each: `Running FILE (BINARY)`, then `finished in 1.5s`.
longest() {
  awk '
    { gsub(/\033\[[0-9;]*m/, "") }
    /^ +Running / { name = $NF; gsub(/^\(.*\/|-[0-9a-f]+\)$/, "", name); name = name " (" $(NF - 1) ")" }
    /^ +Doc-tests / { name = $2 " (examples in the docs)" }
    /^test result: / && match($0, /finished in [0-9.]+s/) {
      printf "%8.1f s  %s\n", substr($0, RSTART + 12, RLENGTH - 13), name
    }' "$output" | sort -rn | sed -n 1,10p
}

# What was run, also when it ended early.
table() {
  local result=$?
  printf '\n== seconds\n'
  printf '%s\n' "${parts[@]}"
  printf '%6d s  in all\n' "$SECONDS"
  printf '\n== the longest test binaries\n'
  longest
  rm -f "$output"
  exit $result
}
trap table EXIT
