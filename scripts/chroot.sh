# SPDX-License-Identifier: GPL-2.0-or-later
# summary: for scripts that need a Debian of their own, in a folder that goes at the end: sourced by bash, as root.
#
# What is made once is kept in $PROXYTUNNEL_CHROOTS (default: ~/.cache/proxytunnel-chroots).
chroots=${PROXYTUNNEL_CHROOTS:-$HOME/.cache/proxytunnel-chroots}
mirror=http://deb.debian.org/debian
TMPDIR=${TMPDIR:-/var/tmp}
export TMPDIR
temporary=()
mounted=()

# debian SUITE FOLDER: a minimal system of that suite in a new or empty FOLDER.
debian() {
  command -v debootstrap >/dev/null || scripts/setup developer
  debootstrap --variant=minbase "$1" "$2" "$mirror" >/dev/null
}

# kept_debian SUITE FOLDER: the same, unpacked from an archive that is made the first time.
kept_debian() {
  local archive=$chroots/$1.tar root
  if [ ! -e "$archive" ]; then
    mkdir -p "$chroots"
    new_root base
    debian "$1" "$root" && tar -cf "$archive.new" --numeric-owner -C "$root" . && mv "$archive.new" "$archive" || return
  fi
  mkdir -p "$2"
  tar -xf "$archive" --numeric-owner -C "$2"
}

# new_root NAME: sets $root to a new folder.
new_root() {
  root=$(mktemp -d -t "$1.XXXXXX")
  temporary+=("$root")
  chmod 755 "$root"
}

# connect ROOT: gives it what programs expect of a running system: names from the network, /proc and /dev.
connect() {
  local point
  cp /etc/resolv.conf "$1/etc/resolv.conf"
  for point in proc dev; do
    mount --bind "/$point" "$1/$point"
    mounted+=("$1/$point")
  done
}

# within ROOT USER COMMAND...: runs it there, with nothing of our environment, in the user's home.
within() {
  local home
  home=$(chroot "$1" getent passwd "$2" | cut -d: -f6)
  env -i HOME="$home" PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" \
    chroot --userspec="$2" "$1" /bin/bash -c 'cd && exec "$@"' bash "${@:3}"
}

# apt_get ROOT ARGUMENT...: there, and its output only if it fails. Old snapshots of the archive are welcome too.
apt_get() {
  local output command=(apt-get -qy --no-install-recommends -o Acquire::Check-Valid-Until=false
    -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
  output=$(within "$1" root env DEBIAN_FRONTEND=noninteractive "${command[@]}" "${@:2}" 2>&1) ||
    { echo "$output" >&2; return 1; }
}

# Takes away what is there so far.
clean_up() {
  local failed=0 folder
  for folder in "${mounted[@]}"; do umount "$folder" || failed=1; done
  # A mount that stays would let rm reach outside.
  if [ ${#temporary[@]} -gt 0 ] && { [ "$failed" -ne 0 ] || [ -n "${keep:-}" ]; }; then
    echo "left in ${temporary[*]}" >&2
  else
    rm -rf --one-file-system "${temporary[@]}"
  fi
  mounted=()
  temporary=()
}
trap clean_up EXIT
