# dist.sh - sourced by run.sh: sets dist to the folder with the packages, version, and the files that it unpacks from them.

version=$(sed -n 's/^#define GRU4REC_VERSION "\(.*\)"/\1/p' include/gru4rec.h)

# cloned NAME: the packages, made in a clean clone; the seconds that it took are in NAME.log.
cloned() {
    git clone -q . "$out/$1" &&
        (cd "$out/$1" && git checkout -q "$commit" && unset VERSION SOURCE_DATE_EPOCH && $make dist) >"$out/$1.log" 2>&1 || {
        tail -n 30 "$out/$1.log"
        return 1
    }
}

# unpacked: the file of this machine's platform, and nothing beside it but licences.
unpacked() {
    tar -C "$out" -xzf "$dist/gru4rec-$version-linux-x64.tar.gz" &&
        (cd "$out/gru4rec-$version-linux-x64" && ls && ls | grep -qx LICENSE && ls | grep -qx THIRD-PARTY) &&
        sh packaging/needs.sh "$file" manylinux_2_31_x86_64
}

# carries PLATFORM: the tar, the npm package and the wheel have the same file, which needs no more than the wheel's tag says.
carries() {
    eval "$(sh packaging/artefact.sh "$1")"
    in=$out/files/$1
    mkdir -p "$in/npm" &&
        tar -C "$in" --strip-components=1 -xzf "$dist/gru4rec-$version-$1.tar.gz" &&
        tar -C "$in/npm" -xzf "$dist/gru4rec-$1-$version.tgz" &&
        "$python" -m pip install -q --root-user-action=ignore --no-index --no-deps --disable-pip-version-check --platform "$tag" \
            --only-binary=:all: --target "$in/wheel" "$dist/gru4rec-$version-py3-none-$tag.whl" &&
        cmp "$in/$file" "$in/npm/package/$file" && cmp "$in/$file" "$in/wheel/gru4rec/$file" &&
        sh packaging/needs.sh "$in/$file" "$tag"
}

commit=$(git rev-parse HEAD)
file=$out/gru4rec-$version-linux-x64/gru4rec.so
if [ -n "$DIST" ]; then
    dist=$(cd "$DIST" && pwd)
else
    dist=$out/clone/dist
    check 'make dist in a clean clone' cloned clone && tail -n 1 "$out/clone.log"
    mkdir "$out/another"
    check 'make dist in a folder of another name' cloned another/clone-elsewhere
    check 'both have the same bytes' diff "$dist/SHA256SUMS" "$out/another/clone-elsewhere/dist/SHA256SUMS"
fi
check 'SHA256SUMS is right' sh -c 'cd "$0" && sha256sum --quiet -c SHA256SUMS && [ $(ls | wc -l) -eq $(($(wc -l <SHA256SUMS) + 1)) ]' "$dist"
for platform in $(sh packaging/artefact.sh); do
    check "$platform: the same file in three packages" carries "$platform"
done
check 'the file of linux-x64 needs glibc alone' unpacked || finish
