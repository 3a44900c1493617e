#!/usr/bin/python3
"""check.py BENCH SERVE EXTENSION: what the benchmarks print for machines.

Not how fast anything is, which no test can say: that the JSON is valid and complete, that
its figures can be true, and that kernels which are too slow are seen. The last line is
"N passed, N failed".
"""
import json
import os
import subprocess
import sys

PHASES = {name + "_ms" for name in ("rest", "gather", "GRU", "gates", "scores", "loss", "whole", "rows")}
PROCESSOR = {"processor", "family", "model", "stepping", "vectors", "caches", "cores"}
HEADER = PROCESSOR | {"version", "simd", "blas", "blas_core", "blas_threading", "peak_gflops", "peak_vectors",
                      "core_types", "rows", "verdicts"}
ROW = PHASES | {"workload", "threads", "precision", "events_per_second", "step_ms", "floor_ms", "floor_ratio", "rows_traffic_ms",
                "best_core", "best_products_ms", "chosen_products_ms", "chosen_of_best", "peak_gflops", "peak_share"}
BODIES = {"base", "avx2", "avx512bf16", "amx"}  # what multiplies in bfloat16; the peak is that of float32
BOUNDS = {"workload", "products_ms", "bytes_ms", "two_sided_ms", "bytes_of_products", "two_sided_of_products"}
VERDICT = {"what", "wanted", "wanted_is", "got", "unit", "verdict", "note"}
SERVED = {"case", "table", "query", "n", "median_ms", "p99_ms", "floor_ms", "floor_ratio", "floor_way"}
BLENDED = {"case", "table", "sessions", "network_seconds", "blended_seconds", "more_ms"}

counts = [0, 0]


def check(is_ok, what):
    counts[not is_ok] += 1
    if not is_ok:
        print("FAIL ", what)


def run(*command, **environment):
    output = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=True, text=True)
    return json.loads(output.stdout)


def check_members(what, members, wanted):
    check(members.keys() == wanted, "%s: missing %s, unknown %s"
          % (what, sorted(wanted - members.keys()), sorted(members.keys() - wanted)))


def check_verdicts(verdicts, n):
    check(len(verdicts) == n, "%d verdicts" % len(verdicts))
    for v in verdicts:
        check_members("a verdict", v, VERDICT)
        if v["got"] is None:
            check(v["verdict"] == "not judged" and v["note"] != "", "%s: no reason" % v)
            continue
        is_met = v["got"] >= v["wanted"] if v["wanted_is"] == "least" else v["got"] <= v["wanted"]
        is_close = abs(v["got"] - v["wanted"]) < 1e-3  # what is printed is rounded
        check(is_close or v["verdict"] == ("met" if is_met else "missed"), "%s: wrong" % v)


def check_row(row, core_types):
    name = "%s, %d threads, %s" % (row["workload"], row["threads"], row["precision"])
    is_float32 = row["precision"] == "float32"
    check_members(name, row, ROW)
    check(all(row[figure] > 0 for figure in ("events_per_second", "step_ms", "floor_ms", "floor_ratio", "peak_gflops")),
          "%s: a figure of nothing: %s" % (name, row))
    check(row["best_core"] in (core_types if is_float32 else BODIES), "%s: %s is none of the core types" % (name, row["best_core"]))
    check(abs(row["rows_traffic_ms"] + row["best_products_ms"] - row["floor_ms"]) < 1e-3,
          "%s: the floor is not its parts: %s" % (name, row))
    check(0 < row["peak_share"] <= (1.2 if is_float32 else 20), "%s: %g of the peak" % (name, row["peak_share"]))
    # of few pairs on a busy machine: the best's median may be the least by accident
    check(0 < row["chosen_of_best"] <= 1.5, "%s: %g of the best" % (name, row["chosen_of_best"]))


def check_training(bench):
    facts = run(bench, "--json", "--seconds", "0.1", "W1", "W4")
    check_members("bench", facts, HEADER)
    check(facts["blas_core"] in facts["core_types"], "%s is none of the core types" % facts["blas_core"])
    check(facts["cores"] >= 1 and facts["peak_gflops"] > 1, "bench: %s" % facts)
    wanted = [(name, threads, precision) for name in ("W1", "W4") for threads in (1, 2)
              for precision in ("float32", "bfloat16")]
    check([(row["workload"], row["threads"], row["precision"]) for row in facts["rows"]] == wanted,
          "bench: the rows are %s" % facts["rows"])
    for row in facts["rows"]:
        check_row(row, facts["core_types"])
    check_verdicts(facts["verdicts"], 5)
    return facts


def check_bounds(bench):
    facts = run(bench, "--json", "bounds")
    check(len(facts["rows"]) == 1, "bench: the rows are %s" % facts["rows"])
    row = facts["rows"][0]
    check_members("bounds", row, BOUNDS)
    check(all(row[name] > 0 for name in BOUNDS - {"workload"}), "bounds: a figure of nothing: %s" % row)
    check(abs(row["bytes_ms"] / row["products_ms"] - row["bytes_of_products"]) < 2e-2, "bounds: wrong: %s" % row)
    check_verdicts(facts["verdicts"], 5)


def check_slow_kernels(bench, facts):
    """Kernels without wide vectors, where the processor has these: seen, and not in the floor."""
    if "avx2" not in facts["vectors"].split() or "DYNAMIC_ARCH" not in facts["blas"]:
        return
    slow = run(bench, "--json", "--seconds", "0.1", "--threads", "1", "W1", OPENBLAS_CORETYPE="Prescott")
    row = slow["rows"][0]
    check(slow["blas_core"] == "Prescott", "Prescott was asked for, and is %s" % slow["blas_core"])
    check(row["best_core"] != "Prescott", "Prescott is the best")
    check(row["chosen_of_best"] < 0.9, "Prescott reaches %g of the best" % row["chosen_of_best"])
    check(row["best_products_ms"] < row["chosen_products_ms"], "the floor is made of Prescott's products: %s" % row)


def check_serving(serve, extension):
    facts = run(serve, "--json", "--seconds", "0.1", "--sessions", "300", "--extension", extension, "live", "blend")
    check_members("bench-serve", facts, PROCESSOR | {"version", "simd", "blas", "sqlite", "cases", "verdicts"})
    check(list(facts["cases"]) == ["live", "blend"], "bench-serve: cases %s" % list(facts["cases"]))
    check_members("bench-serve, live", facts["cases"]["live"][0], SERVED)
    check_verdicts(facts["verdicts"], 6)
    check_blend(facts["cases"]["blend"], facts["verdicts"])


def check_blend(rows, verdicts):
    """Rows in turn with those of the network, then everyone; the first ones of both kinds are judged, none else."""
    asked, everyone = rows[:16], rows[16:]
    pairs = list(zip(asked[::2], asked[1::2]))
    check([blended["table"] for _, blended in pairs] == ["related"] * 4 + ["mixed"] * 4, "bench-serve, blend: %s" % rows)
    for network, blended in pairs:
        check_members("bench-serve, network", network, SERVED)
        check_members("bench-serve, blended", blended, SERVED)
        check(network["table"] == "network" and network["query"] == blended["query"] and network["n"] == blended["n"],
              "%s, not %s" % (blended, network))
        check(blended["floor_ms"] == network["median_ms"], "%s: its floor is not that of %s" % (blended, network))
    check([row["table"] for row in everyone] == ["related", "mixed"], "bench-serve, everyone blended: %s" % everyone)
    for row in everyone:
        check_members("bench-serve, everyone blended", row, BLENDED)
        check(row["sessions"] == 300, "bench-serve: %s sessions for everyone" % row["sessions"])
        more = 1e3 * (row["blended_seconds"] - row["network_seconds"]) / row["sessions"]
        check(abs(more - row["more_ms"]) < 0.01, "bench-serve, everyone: %s, which is %g ms more" % (row, more))
    judged = [v for v in verdicts if v["verdict"] != "not judged"]
    check([v["what"].split(",")[0] for v in judged] == ["blend related", "blend mixed"], "bench-serve judged %s" % judged)
    for v, (network, blended) in zip(judged, pairs[::4]):
        check(abs(v["wanted"] - network["median_ms"] - 0.3) < 1e-3 and abs(v["got"] - blended["median_ms"]) < 1e-3,
              "bench-serve: %s is not about %s and %s" % (v, network, blended))


def main():
    bench, serve, extension = sys.argv[1:]
    check_slow_kernels(bench, check_training(bench))
    check_bounds(bench)
    check_serving(serve, extension)
    print("%d passed, %d failed" % tuple(counts))
    return counts[1] > 0


if __name__ == "__main__":
    sys.exit(main())
