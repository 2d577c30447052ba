#!/bin/bash
# boot.sh ROOT FOLDER: becomes a systemd that is process 1 of namespaces of its own, in which /opt/sluice leads to /opt/a, and that to the program
# in ROOT; /opt/b is the same program. FOLDER/units is /etc/systemd/system, FOLDER/sluice is /etc/sluice. Nothing outside changes: what is written
# to /etc, /opt, /run and /var/lib is gone when it ends. Needs root, or rather all that mount(2) and unshare(2) need.
set -euo pipefail
root=$1 folder=$2
if [ "${3:-}" != inside ]; then
  # A control group of its own, which it takes for the topmost one.
  base=/sys/fs/cgroup/unified
  [ -d "$base" ] || base=/sys/fs/cgroup
  mkdir "$base/sluice-test-$$"
  echo $$ > "$base/sluice-test-$$/cgroup.procs"
  exec unshare --cgroup --mount --pid --fork --kill-child --net --uts --ipc bash "$0" "$root" "$folder" inside
fi
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder/written"
for name in etc var/lib; do
  mkdir -p "$folder/written/$name.upper" "$folder/written/$name.work"
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$folder/written/$name.upper,workdir=$folder/written/$name.work" "/$name"
done
mount -t proc proc /proc
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for name in /run /opt /var/log; do mount -t tmpfs tmpfs "$name"; done
mkdir /run/lock
for place in /opt/a /opt/b; do
  mkdir "$place"
  mount --bind "$root" "$place"
done
ln -s a /opt/sluice
grep -q ^sluice: /etc/group || echo sluice:x:990: >> /etc/group
grep -q ^sluice: /etc/passwd || echo sluice:x:990:990::/nonexistent:/usr/sbin/nologin >> /etc/passwd
rm -rf /etc/systemd/system /etc/sluice
cp -r "$folder/units" /etc/systemd/system
cp -r "$folder/sluice" /etc/sluice
# What has to do with devices, time or a network is not here.
for name in systemd-{udevd,resolved,timesyncd,networkd,logind,sysctl,modules-load,tmpfiles-setup,tmpfiles-setup-dev,remount-fs,random-seed,update-utmp}.service dev-{hugepages,mqueue}.mount; do
  ln -s /dev/null "/etc/systemd/system/$name"
done
ip link set lo up
exec env -i PATH="$PATH" container=other /lib/systemd/systemd --unit=basic.target --log-level=warning --log-target=console --show-status=no
