#!/bin/sh
# root.sh SUITE ARCHITECTURE [PACKAGE...]: prints the folder of a small Debian system, which debootstrap makes at the first
# call (as root) and later calls find in the cache. It is a sysroot to compile against, and a root to copy for tests.
# Its packages come from where this machine's apt has its own (MIRROR= says another place).
set -eu
suite=$1 arch=$2
shift 2
packages=$(echo "$*" | tr ' ' ,)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gru4rec/roots
root=$cache/$suite-$arch$(echo "$packages" | sed 's/^./-&/; s/[^a-z0-9-]/-/g')
[ -e "$root/.whole" ] && echo "$root" && exit

mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)}
mkdir -p "$cache"
rm -rf "$root"
foreign=
[ "$arch" = "$(dpkg --print-architecture)" ] || foreign=--foreign # enough to compile against
debootstrap $foreign --arch="$arch" --variant=minbase ${packages:+--include="$packages"} \
    "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 20 "$root.log" >&2
    exit 1
}
# Of a foreign architecture, all packages are unpacked and none is set up.
if [ -n "$foreign" ]; then
    for package in "$root"/var/cache/apt/archives/*.deb; do
        dpkg -x "$package" "$root"
    done
fi
# A linker follows links inside of the root only where they are relative.
find "$root/usr" "$root"/lib* -xdev -type l -lname '/*' | while read -r link; do
    ln -srfn "$root$(readlink "$link")" "$link"
done
rm -rf "$root"/var/cache/apt/archives/*.deb
touch "$root/.whole"
echo "$root"
