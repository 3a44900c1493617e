#!/bin/sh
# coverage.sh: line coverage of src/ and ext/ by the unit, gradient and SQL tests, by file. It
# stays in build/coverage.txt, for make stats.

set -eu
make="${MAKE:-make} --no-print-directory -s -j$(nproc) COVERAGE=1"
find build/coverage -name '*.gcda' -delete 2>/dev/null || true
$make test-unit test-grad test-sql >build/coverage.log 2>&1 || { tail -n 20 build/coverage.log; exit 1; }
# Kernels are compiled several times; the table that this processor picks counts.
(
    cd build/coverage
    for data in src/*/*.gcda ext/*.gcda ext/*/*.gcda; do
        gcov -n -o "$(dirname "$data")" "$data" 2>/dev/null
    done
) | awk '
    /^File / { gsub(/.*File \047|\047/, ""); file = $0 }
    /^Lines executed:/ && file ~ /^(src|ext)\/.*\.c$/ {
        split($0, part, /[:%]/); percent = part[2]; n = $NF
        covered = percent * n / 100
        if (!(file in lines) || covered > hit[file]) { lines[file] = n; hit[file] = covered }
        file = ""
    }
    END {
        for (f in lines) {
            printf "%-28s %5.1f %% of %d lines\n", f, 100 * hit[f] / lines[f], lines[f] | "sort"
            n_all += lines[f]; hit_all += hit[f]
        }
        close("sort")
        if (n_all == 0) exit 1
        printf "coverage: %.1f %% of %d lines\n", 100 * hit_all / n_all, n_all
    }' >build/coverage.txt
cat build/coverage.txt
