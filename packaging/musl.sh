#!/bin/sh
# musl.sh: prints the folder of aarch64-linux-musl-gcc, which Debian does not have: the compiler for arm64, with musl of Debian
# 12's arm64 (root.sh makes that, as root) and the specs that are there. Its libc.so is in another folder than its libc.a.
# The atomics that libgcc chooses at run time ask glibc which there are.
set -eu
root=$(sh packaging/root.sh bookworm arm64 musl-dev)
usr=$root/usr/lib/aarch64-linux-musl
sed "s,/usr/,$root/usr/,g; s,-L$usr,-L$root/lib/aarch64-linux-musl &," "$usr/musl-gcc.specs" >"$root/musl-gcc.specs"
cat >"$root/aarch64-linux-musl-gcc" <<END
#!/bin/sh
exec aarch64-linux-gnu-gcc -mno-outline-atomics "\$@" -specs "$root/musl-gcc.specs"
END
chmod 755 "$root/aarch64-linux-musl-gcc"
echo "$root"
