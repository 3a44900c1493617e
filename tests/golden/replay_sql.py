#!/usr/bin/python3
"""Replays the golden runs through SQL alone.

    replay_sql.py EXTENSION CASES

Each case of CASES that has no given negatives is imported (initial.safetensors), trained with warm_start, and compared: epochs,
tensors of the export, rankings, evaluation. Its README.md tells what the files hold. The
last line is "N passed, N failed", counting checks. Exit status: 0 nothing failed.

Tolerances are those that the golden runs promise for float32; the worst that was observed
is printed.
"""
import array
import json
import math
import os
import sqlite3
import sys

LOSS = 1e-5  # relative, of an epoch's loss and cost
TENSOR = 2e-5  # absolute
SCORE = 5e-5  # absolute
GAP = 1e-4  # neighbours whose scores differ by more must have the same order
METRIC = 1e-9  # recall, mrr and ndcg are means of a few dozen exact terms

n_passed = n_failed = 0
worst = {"loss": 0.0, "tensor": 0.0, "score": 0.0}


def check(is_ok, what):
    """Counts a check; says what did not hold."""
    global n_passed, n_failed
    if is_ok:
        n_passed += 1
    else:
        n_failed += 1
        print("FAIL", what)
    return is_ok


def note(kind, difference):
    """Keeps the worst difference; NaN is the worst there is."""
    if math.isnan(difference) or difference > worst[kind]:
        worst[kind] = difference
    return difference


# ---- which cases ----


def is_in_scope(case):
    """SQL has no way to hand over the negatives of a step: those runs are test_golden.c's."""
    return case["negatives"] is None


# ---- safetensors ----


def read_safetensors(data):
    """The metadata and the tensors: name -> (shape, values)."""
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n].decode("utf-8"))
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", name
        begin, end = entry["data_offsets"]
        values = array.array("f")
        values.frombytes(data[8 + n + begin : 8 + n + end])
        if sys.byteorder != "little":
            values.byteswap()
        tensors[name] = (entry["shape"], values)
    return metadata, tensors


def rows(tensor):
    """Values by row; a vector is rows of one."""
    shape, values = tensor
    width = shape[1] if len(shape) == 2 else 1
    return [values[i : i + width] for i in range(0, len(values), width)]


# ---- the comparisons ----


def compare_epochs(db, case, name):
    found = db.execute(
        "SELECT epoch, loss, cost, steps, events FROM m_epoch WHERE version = "
        "(SELECT value FROM m_config WHERE key = 'version') ORDER BY epoch"
    ).fetchall()
    if not check(len(found) == len(case["epochs"]), name + ": number of epochs"):
        return
    for (epoch, loss, cost, steps, events), golden in zip(found, case["epochs"]):
        place = "%s: epoch %d: " % (name, epoch)
        check(steps == golden["steps"], place + "%d steps" % steps)
        check(events == golden["events"], place + "%d events" % events)
        for what, actual, expected in (
            ("loss", loss, golden["loss_per_event"]),
            ("cost", cost, golden["loss_official"]),
        ):
            difference = note("loss", abs(actual / expected - 1))
            check(difference <= LOSS, place + "%s %.9g, not %.9g" % (what, actual, expected))


def compare_tensors(exported, final, name):
    """Rows of tensors that have a row for each item are matched by the item's id."""
    metadata, tensors = read_safetensors(exported)
    golden_metadata, golden = read_safetensors(final)
    items = json.loads(metadata["items"])
    golden_items = json.loads(golden_metadata["items"])
    check(sorted(items) == sorted(golden_items), name + ": items of the export")
    check(sorted(tensors) == sorted(golden), name + ": names of tensors")
    for tensor in golden:
        shape = golden[tensor][0]
        if tensor not in tensors or not check(
            tensors[tensor][0] == shape, "%s: shape of %s" % (name, tensor)
        ):
            continue
        actual, expected = rows(tensors[tensor]), rows(golden[tensor])
        if tensor in ("Wy.weight", "By.weight", "E.weight", "GE.Wx0.weight"):
            place = {item: row for row, item in enumerate(items)}
            actual = [actual[place[item]] for item in golden_items]
        difference = max(
            abs(x - y) for a, b in zip(actual, expected) for x, y in zip(a, b)
        )
        note("tensor", difference)
        check(difference <= TENSOR, "%s: %s differs by %g" % (name, tensor, difference))


def compare_rankings(db, case, name):
    for number, golden in enumerate(case["recommend"]):
        place = "%s: ranking %d: " % (name, number)
        found = db.execute(
            "SELECT item, score FROM gru4rec_recommend('m', ?) ORDER BY rank",
            (json.dumps(golden["history"]),),
        ).fetchall()
        expected = dict(zip(golden["ranking"], golden["scores"]))
        if not check(sorted(i for i, _ in found) == sorted(expected), place + "items"):
            continue
        difference = max(abs(score - expected[item]) for item, score in found)
        note("score", difference)
        check(difference <= SCORE, place + "a score differs by %g" % difference)
        place_of = {item: rank for rank, (item, _) in enumerate(found)}
        check(
            all(
                place_of[a] < place_of[b]
                for a, b in zip(golden["ranking"], golden["ranking"][1:])
                if expected[a] - expected[b] > GAP
            ),
            place + "order",
        )


def compare_evaluation(db, case, name):
    db.execute("CREATE TABLE test(session_id INTEGER, item_id INTEGER, ts INTEGER)")
    db.executemany(
        "INSERT INTO test VALUES (?, ?, ?)",
        [
            (session, item, 1000 * session + place)
            for session, items in enumerate(case["test_sessions"])
            for place, item in enumerate(items)
        ],
    )
    for mode, metrics in case["evaluate"]["metrics"].items():
        options = {"mode": mode, "cutoffs": [int(k) for k in metrics]}
        found = {
            row[0]: row[1:]
            for row in db.execute(
                "SELECT k, recall, mrr, ndcg, events FROM gru4rec_evaluate('m', 'test', ?)",
                (json.dumps(options),),
            )
        }
        for k, golden in metrics.items():
            place = "%s: evaluation, %s, k=%s: " % (name, mode, k)
            if not check(int(k) in found, place + "no row"):
                continue
            *measures, events = found[int(k)]
            check(events == case["evaluate"]["events"], place + "%d events" % events)
            for what, actual in zip(("recall", "mrr", "ndcg"), measures):
                check(
                    abs(actual - golden[what]) <= METRIC,
                    place + "%s %.9g, not %.9g" % (what, actual, golden[what]),
                )


def compare_reimport(db, exported, name):
    """A file of ours comes back as it went in: tensors to the byte, and the metadata."""
    db.execute("SELECT gru4rec_import('copy', ?)", (exported,))
    again = db.execute("SELECT gru4rec_export('copy')").fetchone()[0]
    metadata, tensors = read_safetensors(exported)
    metadata_again, tensors_again = read_safetensors(again)
    check(metadata == metadata_again, name + ": metadata after import and export")
    check(
        {t: (s, v.tobytes()) for t, (s, v) in tensors.items()}
        == {t: (s, v.tobytes()) for t, (s, v) in tensors_again.items()},
        name + ": tensors after import and export",
    )


# ---- a case ----


def open_database(extension):
    # Autocommit, so that training is alone in its transaction.
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.enable_load_extension(True)
    db.execute("SELECT load_extension(?)", (extension,))
    return db


def replay(extension, folder, case, name):
    db = open_database(extension)
    with open(os.path.join(folder, "initial.safetensors"), "rb") as file:
        initial = file.read()
    with open(os.path.join(folder, "final.safetensors"), "rb") as file:
        final = file.read()
    db.execute("CREATE TABLE clicks(session_id INTEGER, item_id INTEGER, ts INTEGER)")
    db.executemany("INSERT INTO clicks VALUES (?, ?, ?)", case["events"])
    check(
        db.execute("SELECT gru4rec_import('m', ?)", (initial,)).fetchone()[0] == 1,
        name + ": number of the imported version",
    )
    compare_tensors(
        db.execute("SELECT gru4rec_export('m')").fetchone()[0],
        initial,
        name + ": imported",
    )
    options = dict(case["options"], warm_start=True)
    db.execute("SELECT gru4rec_train('m', 'clicks', ?)", (json.dumps(options),))
    exported = db.execute("SELECT gru4rec_export('m')").fetchone()[0]
    compare_epochs(db, case, name)
    compare_tensors(exported, final, name + ": trained")
    compare_rankings(db, case, name)
    compare_evaluation(db, case, name)
    compare_reimport(db, exported, name)
    check(
        db.execute("SELECT gru4rec_check('m')").fetchone()[0] == "ok",
        name + ": gru4rec_check",
    )
    db.close()


def main():
    if len(sys.argv) != 3:
        print("usage: replay_sql.py EXTENSION CASES", file=sys.stderr)
        return 2
    extension, golden = sys.argv[1:]
    n_run = n_skipped = 0
    for name in sorted(os.listdir(golden)):
        folder = os.path.join(golden, name)
        if not os.path.isfile(os.path.join(folder, "case.json")):
            continue
        with open(os.path.join(folder, "case.json"), encoding="utf-8") as file:
            case = json.load(file)
        if not is_in_scope(case):
            n_skipped += 1
            continue
        n_run += 1
        try:
            replay(os.path.abspath(extension), folder, case, name)
        except (sqlite3.Error, KeyError, ValueError) as error:
            check(False, "%s: %s" % (name, error))
    print(
        "%d cases, %d skipped; worst: loss %.1e, tensor %.1e, score %.1e"
        % (n_run, n_skipped, worst["loss"], worst["tensor"], worst["score"])
    )
    print("%d passed, %d failed" % (n_passed, n_failed))
    return n_failed > 0


if __name__ == "__main__":
    sys.exit(main())
