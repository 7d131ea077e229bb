# Sourced by run and long: runs the parts of a check, and tells at the end how long each took.

parts=()

# part NAME COMMAND...: runs it; its result is that of the command.
part() {
  local name="$1" begun=$SECONDS result=0
  shift
  "$@" || result=$?
  parts+=("$(printf '%6d s  %-7s %s' $((SECONDS - begun)) "$([ $result = 0 ] && echo ok || echo FAILED)" "$name")")
  return $result
}

# What was run, also when it ended early.
table() {
  local result=$?
  printf '\n== seconds\n'
  printf '%s\n' "${parts[@]}"
  printf '%6d s  in all\n' "$SECONDS"
  exit $result
}
trap table EXIT
