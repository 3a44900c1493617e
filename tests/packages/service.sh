# service.sh - sourced by run.sh: the service of examples/http, and its Dockerfile, whose steps run in a small system.

container_answers() {
    port=$("$python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir -p "$out/context" && cp -R examples "$out/context" && ln -sfn "$dist" "$out/context/dist" &&
        sqlite3 "$out/shop.db" <examples/http/shop.sql || return
    "$python" $here/dockerfile.py examples/http/Dockerfile "$out/context" "$root" "$out/shop.db" "$port" >"$out/container" 2>&1 &
    container=$!
    for try in $(seq 600); do
        kill -0 $container 2>/dev/null || break
        curl -s "localhost:$port/next?visitor=anna&n=3" | grep popularity && break
        sleep 0.5
    done
    curl -s -d '{"visitor": "anna", "item": 727196}' "localhost:$port/click"
    curl -s "localhost:$port/next?visitor=anna&n=3" | tee "$out/answer"
    ps -o user= --ppid $container
    kill $container
    wait $container
    grep '"basis": "session"' "$out/answer" || { cat "$out/container"; false; }
}

check_runner 'examples/http' "$python" $here/service.py && echo "$check_out" | sed -n 's/^note: /      /p'
if root container bookworm; then
    check 'examples/http/Dockerfile: its steps, and the service in the container' container_answers
    rm -rf "$root"
else
    note_missing 'examples/http/Dockerfile (as root, with debootstrap)'
fi
