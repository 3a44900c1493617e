/*
 * ext_help.c - the help on all functions and tables; see ext_base.h.
 *
 * This is the one place where they are described. gru4rec_help() shows it,
 * docs/reference.md is written from it, and a function or table-valued function without a
 * row here cannot be registered (ext_connection.c). Sentences are short. Each example is
 * one statement that runs on the tables of the demo (clicks, clicks_test, products) with
 * a trained model rec.
 */
#include "ext_base.h"

#include <string.h>

static const ext_help rows[] = {
    /* ---- the model ---- */
    {"gru4rec", EXT_HELP_MODULE,
     "CREATE VIRTUAL TABLE m USING gru4rec(source, session=column, item=column, "
     "time=column, order=column, option=value, ...)",
     "Makes a model. The source is a table, a view, or a SELECT in parentheses. Leave it "
     "out for a model that you will import. The model is a table with the columns "
     "session, rank, item, score: the ranking of the items for each session of the "
     "source. Its hidden columns are basis, which you read, and exclude_seen, candidates "
     "and version, to which you give a value with = or IN.",
     "If you do not name a column, it is found by a common name, such as session_id, "
     "item_id or ts. DROP TABLE removes the model with all its versions. A query of one "
     "session reads its events; an index on the session column of the source makes that "
     "fast.",
     "CREATE VIRTUAL TABLE rec2 USING gru4rec(clicks, session=session_id, item=item_id, "
     "time=ts, n_epochs=5)"},
    {"gru4rec_train", EXT_HELP_SCALAR,
     "gru4rec_train(model TEXT [, source TEXT] [, options TEXT]) -> TEXT",
     "Trains the model and makes the result the active version. Returns a summary as "
     "JSON. The source and the options hold for this training only. With a source, a "
     "model that does not exist is created.",
     "NULL as source or options: as if it was left out. Run it in a SELECT of its own: "
     "beside a table or inside INSERT it is an error. After an error the version before "
     "still serves. Cost: it reads all events once, then passes over them n_epochs times.",
     "SELECT gru4rec_train('rec', 'n_epochs=2')"},
    {"gru4rec_tune", EXT_HELP_SCALAR, "gru4rec_tune(model TEXT [, options TEXT]) -> TEXT",
     "Tries options on sessions that it holds out. Returns JSON with the best options and "
     "with how much better they are. gru4rec_train(model, 'tuned=true') trains with them.",
     "NULL as options: as if they were left out. Cost: many trainings; the options trials "
     "and minutes limit them. A tuning that was interrupted goes on with resume=true; one "
     "that minutes ended does not.",
     "SELECT gru4rec_tune('rec', 'trials=2, validation=0.2')"},
    {"gru4rec_configure", EXT_HELP_SCALAR,
     "gru4rec_configure(model TEXT, options TEXT) -> TEXT",
     "Changes the source, the columns and the options of the model for all later calls. "
     "Returns the whole configuration as JSON. In a JSON object, null takes an option back "
     "to its default.",
     "NULL as options: it changes nothing. Versions stay as they are. Cost: small.",
     "SELECT gru4rec_configure('rec', 'n_epochs=5')"},
    /* ---- recommending ---- */
    {"gru4rec_recommend", EXT_HELP_TABLE,
     "gru4rec_recommend(model TEXT, history [, k INTEGER [, exclude_seen INTEGER "
     "[, candidates TEXT [, version]]]]) -> rank, item, score, basis",
     "Ranks the items by how likely they come next after the history. The history is a "
     "JSON array of item ids with the oldest first, or one id, or a state. k is how many "
     "items to return; leave it out for the whole catalogue. exclude_seen = 1 leaves out "
     "the items of the history. candidates is a JSON array of the items to rank. version "
     "is a number, 'active', 'previous' or 'newest'.",
     "NULL as k, exclude_seen, candidates or version: as if it was left out. Ids that the "
     "model does not know are skipped; the hidden column unknown counts them. If none is "
     "left, items come by popularity, and basis is 'popularity' instead of 'session'. "
     "Cost: one pass over the item table; with candidates, only their scores.",
     "SELECT rank, item, score FROM gru4rec_recommend('rec', '[727196, 585078]', 10)"},
    {"gru4rec_similar", EXT_HELP_TABLE,
     "gru4rec_similar(model TEXT, item [, k INTEGER [, version]]) -> rank, item, "
     "similarity",
     "Ranks all other items by how alike the model finds them to the item. similarity is "
     "the cosine of their output rows.",
     "An item that is NULL or that the model does not know: no rows. NULL as k: all items. "
     "Cost: one pass over the item table.",
     "SELECT rank, item, similarity FROM gru4rec_similar('rec', 727196, 5)"},
    {"gru4rec_explain", EXT_HELP_TABLE,
     "gru4rec_explain(model TEXT, history, item [, version]) -> position, event, "
     "contribution",
     "Says why an item is ranked where it is: a row for each event of the history, with "
     "how much the score of the item falls if that event is left out.",
     "A history or an item that is NULL, or an item that the model does not know: no rows. "
     "Cost: as many scores as the history has events.",
     "SELECT event, contribution FROM gru4rec_explain('rec', '[727196, 585078]', 353823)"},
    {"gru4rec_score", EXT_HELP_SCALAR,
     "gru4rec_score(model TEXT, history, item [, version]) -> REAL",
     "Returns the score of one item after the history. Compare it only with other scores "
     "after the same history.",
     "An item that is NULL or that the model does not know: NULL. Cost: the events of the "
     "history and one score.",
     "SELECT gru4rec_score('rec', '[727196, 585078]', 353823)"},
    {"gru4rec_step", EXT_HELP_SCALAR,
     "gru4rec_step(model TEXT, state BLOB, item [, version]) -> BLOB",
     "Returns the state of a session after one more event. A state of NULL starts a "
     "session. You can give a state wherever a history is wanted.",
     "NULL as item: the state does not change. A state of another version is brought up to "
     "date by itself. Cost: one event, however long the session is.",
     "SELECT length(gru4rec_step('rec', NULL, 727196))"},
    {"gru4rec_state", EXT_HELP_AGGREGATE,
     "gru4rec_state(model TEXT, item [, version]) -> BLOB",
     "Aggregate and window function: folds many clicks into one state. The rows count in "
     "the order in which they arrive, so sort them in a subquery or in the window.",
     "Rows with NULL as item are skipped. Without a row left: NULL. A window frame that "
     "drops earlier rows is an error. Cost: one event for each row.",
     "SELECT session_id, gru4rec_state('rec', item_id) AS state FROM (SELECT * FROM clicks "
     "ORDER BY session_id, ts) GROUP BY session_id LIMIT 3"},
    {"gru4rec_embedding", EXT_HELP_SCALAR,
     "gru4rec_embedding(model TEXT, item [, version]) -> BLOB",
     "Returns the output row of the item as float32 numbers, little-endian, as vector "
     "extensions read them.",
     "An item that is NULL or that the model does not know: NULL. Cost: small.",
     "SELECT length(gru4rec_embedding('rec', 727196)) / 4 AS numbers"},
    /* ---- measuring ---- */
    {"gru4rec_evaluate", EXT_HELP_TABLE,
     "gru4rec_evaluate(model TEXT, source TEXT [, options TEXT]) -> method, k, recall, "
     "mrr, ndcg, coverage, popularity, events, sessions, skipped, ties, warnings, "
     "recall_ci, mrr_ci, ndcg_ci, segment",
     "Measures how well the model predicts the next click of each test session. A row for "
     "each method and each cut-off k. The option baselines adds simple methods to compare "
     "with. The columns that end with _ci are half-widths of 95 % intervals.",
     "NULL as source is an error. Without an event to rank, measures are NULL. Cost: a "
     "ranking of all items for each test click.",
     "SELECT method, k, recall, mrr FROM gru4rec_evaluate('rec', 'clicks_test', "
     "'cutoffs=20, baselines=pop')"},
    {"gru4rec_compare", EXT_HELP_TABLE,
     "gru4rec_compare(a TEXT, b TEXT, source TEXT [, options TEXT]) -> measure, k, a, b, "
     "difference, low, high, p, wins, losses, ties, events, sessions, skipped, warnings, "
     "segment",
     "Says whether model a is better than b on test events. b is a model, a baseline such "
     "as 'vs-knn', or 'gru4rec-network'. low and high are the ends of a 95 % interval of "
     "the difference. p is how likely chance alone gives such a difference.",
     "NULL as a, b or source is an error. Cost: that of two evaluations.",
     "SELECT measure, k, a, b, low, high, p FROM gru4rec_compare('rec', 'pop', "
     "'clicks_test', 'cutoffs=20')"},
    {"gru4rec_audit", EXT_HELP_TABLE,
     "gru4rec_audit(model_or_source TEXT [, test TEXT] [, options TEXT]) -> check_name, "
     "severity, value, advice",
     "Looks for what is wrong with a log: a row for each check. With a test source, also "
     "looks for test events that the model was trained on.",
     "NULL as test: as if it was left out. Cost: it reads all events once.",
     "SELECT check_name, severity, value FROM gru4rec_audit('clicks') WHERE severity <> "
     "'info'"},
    {"gru4rec_plot", EXT_HELP_SCALAR,
     "gru4rec_plot(model TEXT, what TEXT [, options TEXT]) -> TEXT",
     "Draws a picture as SVG. what is learning, methods, positions, cutoffs, lengths, "
     "popularity, days, items or trials.",
     "NULL as what is an error. NULL as options: as if they were left out. Cost: pictures "
     "of measures need an evaluation, the others are cheap.",
     "SELECT length(gru4rec_plot('rec', 'learning'))"},
    {"gru4rec_report", EXT_HELP_SCALAR,
     "gru4rec_report(model TEXT [, file TEXT] [, options TEXT]) -> TEXT or INTEGER",
     "Writes a report on a version as one HTML page: the log, what was learned, measures, "
     "examples. Returns the page, or with a file, its size in bytes.",
     "NULL as file: it returns the page. Cost: several evaluations.",
     "SELECT length(gru4rec_report('rec', 'test=clicks_test'))"},
    /* ---- versions ---- */
    {"gru4rec_status", EXT_HELP_TABLE,
     "gru4rec_status(model TEXT) -> version, status, active, started, finished, epoch, "
     "n_epochs, progress, seconds_left, loss, recall, mrr, message",
     "Says what runs, what failed and why: a row for each training, the newest first.",
     "NULL as model is an error. Cost: small.",
     "SELECT version, status, active, message FROM gru4rec_status('rec')"},
    {"gru4rec_deploy", EXT_HELP_SCALAR,
     "gru4rec_deploy(model TEXT, version [, source TEXT]) -> INTEGER",
     "Makes a version that is kept the active one. Returns its number. version is a "
     "number, 'active', 'previous', 'newest' or 'best'. 'previous' is the version that served before. "
     "'best' measures every version that is ready on the source, also older ones and one that was "
     "rolled back from, or uses what each training measured on the sessions it held out. It does not "
     "look whether a version was trained on the source: gru4rec_evaluate() warns of that.",
     "NULL as version is an error. Cost: small; 'best' with a source needs an evaluation "
     "of each version.",
     "SELECT gru4rec_deploy('rec', 'newest')"},
    {"gru4rec_export", EXT_HELP_SCALAR,
     "gru4rec_export(model TEXT [, file TEXT [, options TEXT]]) -> BLOB or INTEGER",
     "Writes a version in the safetensors format, with the tensor names of the official "
     "PyTorch code. Returns a BLOB, or with a file, its size in bytes.",
     "NULL as file: with options it returns a BLOB, without them it is an error. A model "
     "that is too large for a BLOB needs a file. Without the option version it writes the "
     "active version. Without sessions=true it leaves out the sessions that the version "
     "blends with. Cost: it reads all weights.",
     "SELECT length(gru4rec_export('rec'))"},
    {"gru4rec_import", EXT_HELP_SCALAR,
     "gru4rec_import(model TEXT, blob_or_file) -> INTEGER",
     "Reads a model that gru4rec_export() or examples/from_pytorch.py wrote, and makes it "
     "the active version. Returns the number of that version. A model that does not exist "
     "is created.",
     "NULL as file is an error. A damaged file changes nothing. Cost: it writes all "
     "weights.",
     "SELECT gru4rec_import('copy', gru4rec_export('rec'))"},
    {"gru4rec_check", EXT_HELP_SCALAR, "gru4rec_check(model TEXT) -> TEXT",
     "Checks everything that is stored of the model. Returns 'ok' or what is damaged.",
     "NULL as model is an error. From SQLite 3.44 on, PRAGMA integrity_check says the same. "
     "Cost: it reads all tables of the model.",
     "SELECT gru4rec_check('rec')"},
    /* ---- looking inside ---- */
    {"gru4rec_info", EXT_HELP_SCALAR, "gru4rec_info([model TEXT]) -> TEXT",
     "Without a model: JSON about this build, the machine and all options. With a model: "
     "JSON about the model, its active version and its options.",
     "NULL as model is an error. Cost: small.",
     "SELECT json_extract(gru4rec_info('rec'), '$.version')"},
    {"gru4rec_help", EXT_HELP_TABLE,
     "gru4rec_help([what TEXT]) -> name, kind, usage, help, notes, example",
     "A row for each function, table and option. With a name, or a part of one: only the "
     "rows that it fits.",
     "NULL as what: all rows. A name that fits nothing is an error. Cost: small.",
     "SELECT usage FROM gru4rec_help('gru4rec_train')"},
    {"gru4rec_options", EXT_HELP_TABLE,
     "gru4rec_options -> name, default_value, range, help, scope",
     "A row for each option. scope names the calls that take it.", "Cost: small.",
     "SELECT name, default_value, range FROM gru4rec_options WHERE name LIKE '%epoch%'"},
    {"gru4rec_batches", EXT_HELP_TABLE,
     "gru4rec_batches(source TEXT, batch_size INTEGER [, options TEXT]) -> step, lane, "
     "session, input, target, reset",
     "Shows the session-parallel mini-batches of an epoch: a row for each lane of each "
     "step.",
     "NULL as batch_size is an error. Cost: it reads all events.",
     "SELECT * FROM gru4rec_batches('clicks', 3) LIMIT 6"},
    {"gru4rec_time", EXT_HELP_SCALAR, "gru4rec_time(value) -> INTEGER or REAL",
     "Returns the number that a time counts as. A date counts as seconds since 1970.",
     "A value that is NULL or that cannot be read as a time: NULL. Cost: small.",
     "SELECT gru4rec_time('2024-04-01 12:00')"},
    {"gru4rec_time_rest", EXT_HELP_SCALAR, "gru4rec_time_rest(value) -> REAL",
     "Returns the nanoseconds that gru4rec_time() of the value leaves out.",
     "A value that is NULL or that cannot be read as a time: NULL. Cost: small.",
     "SELECT gru4rec_time_rest('2024-04-01 12:00:00.123456789')"},
    {"gru4rec_version", EXT_HELP_SCALAR, "gru4rec_version() -> TEXT",
     "Returns the version of the extension.", "Cost: small.", "SELECT gru4rec_version()"},
#ifdef GRU4REC_MPI
    {"gru4rec_ranks", EXT_HELP_SCALAR, "gru4rec_ranks() -> TEXT",
     "Says which of several processes this is, as JSON. Only gru4rec_mpi.so has it.",
     "Cost: it starts MPI.", "SELECT gru4rec_ranks()"},
#endif
    /* ---- the tables that a model m keeps ---- */
    {"m_version", EXT_HELP_SHADOW,
     "m_version(version, run, status, started, finished, process, source, options, "
     "summary, message, first_event, last_event, last_rowid, progress, updated, "
     "fingerprints)",
     "A row for each training of the model m. gru4rec_status() reads it for you.",
     "Read it, do not write to it.", "SELECT version, status, finished FROM rec_version"},
    {"m_epoch", EXT_HELP_SHADOW,
     "m_epoch(version, epoch, loss, cost, steps, events, seconds, recall, mrr, updates)",
     "A row for each epoch of each training of the model m.",
     "Read it, do not write to it.", "SELECT version, epoch, loss FROM rec_epoch"},
    {"m_item", EXT_HELP_SHADOW, "m_item(version, row, item, support)",
     "The catalogue of each kept version of the model m. support is the number of events "
     "that the item had in training.",
     "Read it, do not write to it.",
     "SELECT item, support FROM rec_item ORDER BY support DESC LIMIT 3"},
    {"m_tensor", EXT_HELP_SHADOW,
     "m_tensor(id, version, name, chunk, shape, checksum, data)",
     "The weights of each kept version of the model m.", "Read it, do not write to it.",
     "SELECT name, shape, sum(length(data)) AS bytes FROM rec_tensor GROUP BY version, "
     "name"},
    {"m_config", EXT_HELP_SHADOW, "m_config(key, value)",
     "How the model m is configured. gru4rec_configure(m, NULL) shows it as JSON.",
     "Read it, do not write to it.",
     "SELECT value FROM rec_config WHERE key = 'options'"},
    {"m_blend", EXT_HELP_SHADOW, "m_blend(version, chunk, checksum, data)",
     "The latest sessions of training, by which a version blends. It exists after the "
     "first training, unless the option blend is 0.",
     "Read it, do not write to it.", "SELECT sum(length(data)) AS bytes FROM rec_blend"},
    {"m_trial", EXT_HELP_SHADOW,
     "m_trial(tune, trial, rung, epochs, objective, recall, mrr, seconds, options, status)",
     "A row for each trial of each tuning of the model m. It exists after the first "
     "gru4rec_tune().",
     "Read it, do not write to it.",
     "SELECT objective, options FROM rec_trial ORDER BY objective DESC LIMIT 3"},
};

size_t ext_help_count(void)
{
    return sizeof rows / sizeof *rows;
}

const ext_help *ext_help_row(size_t i)
{
    return &rows[i];
}

int ext_help_check(const char *name, ext_error *error)
{
    for (size_t i = 0; i < ext_help_count(); i++)
        if (strcmp(rows[i].name, name) == 0)
            return SQLITE_OK;
    return ext_error_set(error, SQLITE_ERROR,
                         "%s has no row in ext_help.c; describe it there", name);
}
