#!/bin/sh
# Accuracy on real data through SQL alone: accuracy.sh EXTENSION DATA_DIR
#
# Trains configurations A to E on rsc15_100k (10 epochs, seeds 1, 2, 3) and prints Recall@20,
# MRR@20 and Recall@5, their means, and the bound that each mean must reach: just under what the
# official PyTorch implementation gets with the same options.
# CONFIGS="A C" and SEEDS="1" make it shorter.

set -eu
extension=$(realpath "$1")
data=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -r "$data/rsc15_100k_train.tsv.xz" ]; then
    echo "accuracy: no data in $data: skipped"
    exit 0
fi

db=$work/rsc15.db
for part in train test; do
    xz -dc "$data/rsc15_100k_$part.tsv.xz" >"$work/$part.tsv"
    sqlite3 "$db" "CREATE TABLE $part(SessionId INTEGER, ItemId INTEGER, Time REAL)" \
        ".mode tabs" ".import --skip 1 $work/$part.tsv $part"
done

common='preset=official,n_epochs=10,n_sample=2048'
xent="loss=cross-entropy,logq=1,sample_alpha=0.75,learning_rate=0.1,$common"
options() {
    case $1 in
    A) echo "$xent,layers=100,batch_size=32,dropout_p_embed=0.1" ;;
    B) echo "loss=bpr-max,layers=224,batch_size=80,dropout_p_embed=0.5,dropout_p_hidden=0.05,learning_rate=0.05,momentum=0.4,sample_alpha=0.4,bpreg=1.95,elu_param=0.5,$common" ;;
    C) echo "$xent,layers=100,batch_size=32,constrained_embedding=false,embedding=0" ;;
    D) echo "$xent,layers=100,batch_size=32,dropout_p_embed=0.1,embedding=100" ;;
    E) echo "$xent,layers=100/100,batch_size=64,dropout_p_embed=0.1" ;;
    esac
}
bounds() { # of Recall@20 and MRR@20
    case $1 in
    A) echo '0.660 0.337' ;;
    B) echo '0.680 0.358' ;;
    C) echo '0.605 0.297' ;;
    D) echo '0.608 0.302' ;;
    E) echo '0.645 0.325' ;;
    esac
}

# measure CONFIG SEED: prints recall@20 mrr@20 recall@5 events/s
measure() {
    sqlite3 -cmd ".load $extension" "$db" >"$work/summary" \
        "SELECT gru4rec_train('m', 'train', '$(options "$1"),seed=$2,verbose=false')"
    sqlite3 -cmd ".load $extension" -separator ' ' "$db" \
        "SELECT max(iif(k = 20, recall, 0)), max(iif(k = 20, mrr, 0)),
                max(iif(k = 5, recall, 0)), (SELECT summary ->> 'events_per_second'
                                             FROM m_version ORDER BY version DESC LIMIT 1)
         FROM gru4rec_evaluate('m', 'test', 'cutoffs=5/20')"
    sqlite3 -cmd ".load $extension" "$db" 'DROP TABLE m'
}

passed=0
failed=0
echo 'config  seed  Recall@20  MRR@20  Recall@5  events/s'
for config in ${CONFIGS:-A B C D E}; do
    : >"$work/rows"
    for seed in ${SEEDS:-1 2 3}; do
        measure "$config" "$seed" | tee -a "$work/rows" |
            awk -v c="$config" -v s="$seed" \
                '{ printf "%-6s  %4s  %9.4f  %6.4f  %8.4f  %8d\n", c, s, $1, $2, $3, $4 }'
    done
    if bounds "$config" | cat - "$work/rows" | awk -v c="$config" '
        NR == 1 { recall = $1; mrr = $2; next }
        { r += $1; m += $2; f += $3; n++ }
        END {
            ok = r / n >= recall && m / n >= mrr
            printf "%-6s  mean  %9.4f  %6.4f  %8.4f            %s (%s, %s)\n", c, r / n,
                m / n, f / n, ok ? "ok" : "TOO LOW", recall, mrr
            exit !ok
        }'; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
