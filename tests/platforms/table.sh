# table.sh - to be sourced: the platforms that run.sh tests, a line each: name, compiler, what runs
# its programs (- is this machine itself), Debian's packages for that, and the parts that are tested;
# commas stand for spaces. s390x has the other order of bytes; there is no artefact for it.

table='linux-x64-musl musl-gcc - musl-tools unit,sql,shell,files
linux-arm64 aarch64-linux-gnu-gcc qemu-aarch64-static,-L,/usr/aarch64-linux-gnu gcc-aarch64-linux-gnu,libc6-dev-arm64-cross,qemu-user-static unit,sql,files
linux-arm64-musl aarch64-linux-musl-gcc qemu-aarch64-static gcc-aarch64-linux-gnu,libc6-dev-arm64-cross,qemu-user-static,debootstrap sql,files
linux-s390x s390x-linux-gnu-gcc qemu-s390x-static,-L,/usr/s390x-linux-gnu gcc-s390x-linux-gnu,libc6-dev-s390x-cross,qemu-user-static unit,files
win32-x64 x86_64-w64-mingw32-gcc-posix wine gcc-mingw-w64-x86-64-posix,g++-mingw-w64-x86-64-posix,wine,wine64 unit,sql,shell,files'

platforms() {
    echo "$table" | cut -d ' ' -f 1
}

# facts PLATFORM: its line, as assignments for the shell to eval.
facts() {
    echo "$table" | sed -n "s/^$1 \([^ ]*\) \([^ ]*\) \([^ ]*\) \([^ ]*\)$/compiler=\1 run='\2' packages='\3' parts='\4'/p" |
        sed "s/'-'/''/" | tr , ' '
}
