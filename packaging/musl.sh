#!/bin/sh
# musl.sh: prints the folder of aarch64-linux-musl-gcc, which Debian does not have: this machine's compiler for arm64, with
# the musl of Debian 12's arm64 and the specs of musl-gcc, as it makes them at the first call (as root).
set -eu
root=$(sh packaging/root.sh bookworm arm64 musl-dev)
sed "s,x86_64,aarch64,g; s,/usr/,$root&,g; s,%(cc1_cpu) ,," /usr/lib/x86_64-linux-musl/musl-gcc.specs >"$root/musl-gcc.specs"
cat >"$root/aarch64-linux-musl-gcc" <<END
#!/bin/sh
exec aarch64-linux-gnu-gcc "\$@" -specs "$root/musl-gcc.specs"
END
chmod 755 "$root/aarch64-linux-musl-gcc"
echo "$root"
