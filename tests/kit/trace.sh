# trace.sh - to be sourced by run.sh: a debug build says what GRU4REC_TRACE asks for, level by
# level, and a release build has no trace.

$make -s DEBUG=1 build/debug/gru4rec.so >"$work/out" 2>&1
check $? 'a debug build'

# say LEVEL BUILD: trains, recommends, and makes a mistake; the trace is in $work/trace.
say() {
    GRU4REC_TRACE=$1 sqlite3 -cmd ".load $2" :memory: 2>"$work/all" >/dev/null <<EOF
CREATE TABLE clicks(session, item, ts);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 300)
INSERT INTO clicks SELECT i / 5, i * i % 41, i FROM c;
CREATE VIRTUAL TABLE m USING gru4rec(clicks, session=session, item=item, time=ts,
    n_epochs=2, layers=8, n_sample=8, batch_size=4, threads=2);
SELECT gru4rec_train('nobody');
SELECT gru4rec_train('m');
SELECT * FROM gru4rec_recommend('m', '[1, 4]', 5);
SELECT * FROM gru4rec_evaluate('m', 'clicks');
EOF
    grep '^gru4rec [1-4] ' "$work/all" >"$work/trace"
}

for level in 0 1 2 3 4; do
    say $level ./build/debug/gru4rec.so
    cut -d ' ' -f 2 "$work/trace" | sort -u >"$work/out"
    seq 1 $level | cmp -s - "$work/out"
    check $? "GRU4REC_TRACE=$level writes the levels up to $level, each"
done
for what in '1 .*nobody' "2 .*training of 'm' starts" "2 .*epoch 2 of 'm'" "2 .*version 1 of 'm' is written" \
    "2 .*version 1 of 'm' is loaded" '2 .*version 1 of .* is freed' '2 .*evaluation of version 1 ends' \
    '3 .*SQL: SELECT' '3 .*plan of gru4rec_recommend' '3 .*items scored exactly' '4 .*step 1: ' '4 .*job of '; do
    grep -q "^gru4rec $what" "$work/trace"
    check $? "GRU4REC_TRACE=4 says: $what"
done
say 4 ./gru4rec.so
[ ! -s "$work/trace" ] && ! grep -q 'GRU4REC_TRACE\|items scored exactly' gru4rec.so
check $? 'a release build has no trace'
