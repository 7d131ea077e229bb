#!/bin/busybox sh
# The guest's first and only shell: obeys the lines that come over the second serial port.
#
# Each line is run; what it prints is followed by a line of an end-of-transmission character and the exit code.
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
ip link set lo up
for module in ipmi_msghandler ipmi_devintf ipmi_si; do
  insmod "/modules/$module.ko"
done
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1
printf '\004ready\n' >/dev/ttyS1
while read -r line; do
  eval "$line" >/dev/ttyS1 2>&1 </dev/null
  printf '\n\004%d\n' $? >/dev/ttyS1
done
