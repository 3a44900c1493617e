/*
 * ext_train_request.c - reads the arguments of gru4rec_train(); see ext_train.h.
 *
 * The second of two arguments may be the source or the options. It is the source if it is
 * a SELECT, or if it neither starts with { nor has a =. Source and options of a call
 * apply to its run only, where they replace those that are stored in the model. With
 * resume, the source and options of the run that stopped replace the stored ones.
 */
#include "ext_train.h"

#include <string.h>

/*
 * Reads the options in text (NULL: none) into request->options, and the columns that text
 * names into request->columns. Options and columns that text does not name stay. After a
 * failure the options before the bad one are set.
 */
static int parse_options(ext_train_request *request, const char *text, ext_error *error)
{
    return ext_options_parse(request->home.db, text, GRU4REC_SCOPE_TRAIN,
                             &request->options, &request->columns, error);
}

/* ---- resume ---- */

/*
 * Does what parse_options() does, for the text of the options that are stored with the
 * checkpoint of a run. If the parser refuses them, the error says that this build does
 * not know the options of the run, and which build to use; any other error stays as it
 * is (ext_config_check_stored()).
 */
static int parse_stored(ext_train_request *request, const char *text, ext_error *error)
{
    ext_error cause = {0};
    parse_options(request, text, &cause);
    return ext_config_check_stored(error, &cause,
                                   "the run of model '%s' to resume has options",
                                   request->home.name);
}

/*
 * Tells whether the option of that name may have another value when a run is resumed. All
 * other options must stay as they were, so that the result is that of a run that never
 * stopped.
 */
static bool is_free_to_differ(const char *option)
{
    /* The options that may have another value. */
    static const char *const free[] = {
        "resume",         "n_epochs",          "patience",        "threads",
        "activate",       "keep_versions",     "keep_candidates", "keep_history",
        "keep_optimizer", "checkpoint_epochs", "memory_limit",    "verbose",
        "commit_wait",
    };
    for (size_t i = 0; i < sizeof free / sizeof *free; i++)
        if (strcmp(option, free[i]) == 0)
            return true;
    return false;
}

/*
 * Finds the first option, in the order of the library's table of options, that the text
 * given (NULL: none) sets and for which is_fit() returns false. *unfit: out, its name,
 * static, or "" if there is none. request is not changed. SQLITE_ERROR: the text is no
 * valid options.
 */
static int find_unfit(const ext_train_request *request, const char *given,
                      bool is_fit(const char *option), const char **unfit,
                      ext_error *error)
{
    gru4rec_options options;
    gru4rec_option_info info;
    ext_columns columns = {0};
    *unfit = "";
    gru4rec_options_init(&options);
    int rc = ext_options_parse(request->home.db, given, GRU4REC_SCOPE_TRAIN, &options,
                               &columns, error);
    ext_options_free_columns(&columns);
    for (size_t i = 0; rc == SQLITE_OK && **unfit == '\0' && i < gru4rec_option_count();
         i++) {
        gru4rec_option_describe(i, &info);
        if (gru4rec_option_is_set(&options, i) && !is_fit(info.name))
            *unfit = info.name;
    }
    return rc;
}

/*
 * Checks that the text given sets only options that may differ in a resumed run
 * (is_free_to_differ()). SQLITE_ERROR: another option is set; the message names the
 * first.
 */
static int check_resumable(const ext_train_request *request, const char *given,
                           ext_error *error)
{
    const char *unfit;
    int rc = find_unfit(request, given, is_free_to_differ, &unfit, error);
    return rc != SQLITE_OK || *unfit == '\0'
               ? rc
               : ext_error_set(error, SQLITE_ERROR,
                               "resume goes on with the options of the run that stopped; "
                               "leave out %s, or train without resume",
                               unfit);
}

/*
 * Tells whether the option of that name may stand in a call that only commits a kept
 * result: resume, commit_wait or verbose.
 */
static bool is_of_commit(const char *option)
{
    return strcmp(option, "resume") == 0 || strcmp(option, "commit_wait") == 0 ||
           strcmp(option, "verbose") == 0;
}

/*
 * Checks a call that commits a kept result. given: the text of its options. The result
 * cannot be changed any more, so a source, and options other than is_of_commit() allows,
 * are refused. An open transaction of the user is refused too: a rollback would lose the
 * result. SQLITE_ERROR: the call is refused.
 */
static int check_commit(const ext_train_request *request, const char *given,
                        ext_error *error)
{
    const char *unfit;
    if (find_unfit(request, given, is_of_commit, &unfit, error) != SQLITE_OK)
        return error->rc;
    if (!request->is_alone)
        return ext_error_set(error, SQLITE_ERROR,
                             "a trained model waits to be committed, "
                             "and could be lost inside a transaction; "
                             "run resume=true outside a transaction");
    if (*unfit == '\0' && request->source != NULL)
        unfit = "the source";
    return *unfit == '\0'
               ? SQLITE_OK
               : ext_error_set(
                     error, SQLITE_ERROR,
                     "a trained model waits to be committed, and cannot be changed; "
                     "leave out %s, and train further afterwards with warm_start",
                     unfit);
}

/*
 * Finds the newest run that stopped with a checkpoint, in a snapshot of its own, and
 * reads it into run and request->checkpoint.
 * SQLITE_ERROR: there is no model, no such run (unless is_finished: then checkpoint.epoch
 * stays 0), or another number of processes has trained it.
 */
static int find_checkpoint(ext_train_request *request, ext_run *run, ext_error *error)
{
    ext_checkpoint *checkpoint = &request->checkpoint;
    ext_snapshot snapshot = {0};
    const gru4rec_ranks *ranks = ext_ranks_hooks(request->home.connection->ranks);
    const int64_t n_ranks = ranks != NULL ? ranks->n_ranks : 1;
    if (!request->is_found)
        return ext_error_set(error, SQLITE_ERROR,
                             "no model '%s' to resume; train it without resume",
                             request->home.name);
    int rc = ext_snapshot_start(&snapshot, &request->home, error);
    if (rc == SQLITE_OK)
        rc = ext_run_resume(run, checkpoint, &request->home, error);
    ext_snapshot_end(&snapshot);
    if (rc == SQLITE_OK && checkpoint->epoch == 0 && !request->is_finished)
        return ext_error_set(
            error, SQLITE_ERROR,
            "model '%s' has no interrupted run with a checkpoint to resume; "
            "train without resume, "
            "and set checkpoint_epochs so that the next run can be resumed",
            request->home.name);
    if (rc == SQLITE_OK && checkpoint->epoch > 0 && checkpoint->n_ranks != n_ranks)
        return ext_error_set(
            error, SQLITE_ERROR,
            "the run to resume was trained by %lld processes, not %lld; resume it with as "
            "many, each with the database that it had, or train without resume",
            (long long)checkpoint->n_ranks, (long long)n_ranks);
    return rc;
}

/*
 * Sets request->options to the options of the run to resume, and over them those that
 * the text given sets; resume is false in them. Then sets is_writer.
 */
static int take_options(ext_train_request *request, const char *given, ext_error *error)
{
    gru4rec_options_init_stored(&request->options);
    int rc = parse_stored(request, request->checkpoint.options, error);
    if (rc == SQLITE_OK)
        rc = parse_options(request, given, error);
    /* The version gets the options of a run that never stopped, so without resume. */
    request->options.resume = false;
    request->is_writer = ext_train_job_is_writer(request);
    return rc;
}

/*
 * Prepares the resuming of a run: finds it (find_checkpoint(); on other ranks than rank 0
 * by what that has found), and takes its options. Claims nothing yet. If there is none
 * because all is done, only sets is_finished.
 * SQLITE_ERROR: the text given sets an option that may not differ, there is no run to
 * resume, or that run had another source than the model's own and the call names none.
 */
static int resume(ext_train_request *request, ext_run *run, const char *given,
                  ext_error *error)
{
    ext_checkpoint *checkpoint = &request->checkpoint;
    int rc = check_resumable(request, given, error);
    if (rc == SQLITE_OK && ext_train_job_is_first(request))
        rc = find_checkpoint(request, run, error);
    if (rc == SQLITE_OK)
        rc = ext_train_job_share_run(request, run, error);
    request->is_finished &= checkpoint->epoch == 0;
    if (rc != SQLITE_OK || request->is_finished)
        return rc;
    rc = take_options(request, given, error);
    if (rc == SQLITE_OK && !ext_train_job_is_first(request) && request->is_writer &&
        request->is_found)
        rc = ext_run_find(run, checkpoint, &request->home, error);
    if (rc == SQLITE_OK && request->source == NULL && checkpoint->status != NULL &&
        !ext_config_is_source(&request->config, checkpoint->source))
        rc = ext_error_set(error, SQLITE_ERROR,
                           "the run to resume was trained on %s; "
                           "name that source as the second argument",
                           ext_show_text(&(ext_show){""}, checkpoint->source));
    return rc;
}

/* ---- the request ---- */

/*
 * Checks that the model exists, or that the call gives a source to create the model with.
 * SQLITE_ERROR: neither.
 */
static int check_source(const ext_train_request *request, const char *model,
                        ext_error *error)
{
    return request->is_found || request->source != NULL
               ? SQLITE_OK
               : ext_error_set(error, SQLITE_ERROR,
                               "no model '%s'; "
                               "name its source of events as the second argument "
                               "to create it",
                               ext_show_text(&(ext_show){""}, model));
}

/*
 * Finds the model of that name: sets request->home and is_found. Checks that the database
 * can be written, and takes the write lock if the user has an open transaction
 * (ext_publish_lock()). If the model exists, takes it into use (ext_schema_take()), and
 * reads its config and id. SQLITE_ERROR: the name is NULL or empty; or there is no such
 * model, no source is given to create it, and no result is kept of it. SQLITE_READONLY:
 * the database cannot be written.
 */
static int find_model(ext_train_request *request, ext_connection *connection,
                      const char *model, ext_error *error)
{
    if (model == NULL || *model == '\0')
        return ext_error_set(
            error, SQLITE_ERROR,
            "gru4rec_train() needs the model's name as its first argument");
    int rc = ext_schema_find(&request->home, connection->db, connection, model,
                             &request->is_found, error);
    if (rc == SQLITE_OK)
        rc = ext_publish_lock(request, error);
    if (rc == SQLITE_OK)
        rc = ext_schema_take(&request->home, request->is_found, false, error);
    if (rc == SQLITE_OK && request->is_found)
        rc = ext_config_read(&request->config, &request->home, error);
    if (rc == SQLITE_OK && request->is_found)
        return ext_identity_read(&request->id, &request->home, error);
    /*
     * Without a source the model can still be made by the commit of a kept result, or, on
     * another rank than rank 0, by that of a run that is resumed.
     */
    return rc == SQLITE_OK && ext_kept_find(&request->home, NULL) == NULL &&
                   ext_train_job_is_first(request)
               ? check_source(request, model, error)
               : rc;
}

void ext_train_request_follow_quota(gru4rec_options *options)
{
    ext_container container;
    const ext_container_ranks ranks = ext_container_share_of();
    if (options->threads > 0)
        return;
    ext_container_read(&container, "");
    const int own =
        gru4rec_train_threads(options); /* of the processors of this process */
    int most = ranks.processors > 0 ? ranks.processors : own;
    if (container.processors > 0 && container.processors < most)
        most = container.processors;
    most = most > ranks.n ? most / ranks.n : 1;
    if (most < own)
        options->threads = most;
}

/*
 * Handles warm_start if no version is active. SQLITE_ERROR, if there is a version that is
 * not active, because the user may have forgotten to deploy it, or if since is not last.
 * But with since=last and no version at all, sets request->options.warm_start to false:
 * training begins from random weights and all events, so that a nightly call needs no
 * other call for the first night.
 */
static int start_cold(ext_train_request *request, ext_error *error)
{
    int64_t newest = 0;
    if (request->is_found &&
        ext_version_newest(&newest, &request->home, error) != SQLITE_OK)
        return error->rc;
    if (newest != 0)
        return ext_version_fail_untrained(&request->home, error);
    if (!ext_since_is_last(&request->options))
        return ext_error_set(error, SQLITE_ERROR,
                             "warm_start needs a trained version to start from; "
                             "train once with warm_start=false, or with since=last");
    request->options.warm_start = false;
    return SQLITE_OK;
}

/*
 * Sets request->serving to the number of the active version, which serves until the new
 * one is published, and from which warm_start starts; 0: there is none. Also checks that
 * the next version can have a number. With warm_start and no active version, start_cold()
 * decides. SQLITE_ERROR: as start_cold() says, or the version numbers of the model are
 * used up.
 */
static int find_serving(ext_train_request *request, ext_error *error)
{
    ext_version active = {0};
    if (request->is_found &&
        ext_version_find(&active, &request->home, error) != SQLITE_OK)
        return error->rc;
    request->serving = active.version;
    if (request->is_found && ext_version_check_next(&request->home, error) != SQLITE_OK)
        return error->rc;
    return request->options.warm_start && request->serving == 0
               ? start_cold(request, error)
               : SQLITE_OK;
}

/*
 * Sets option precision to float32 or bfloat16, so that the run's options say which. With
 * warm_start it is that of the version to start from, unless the user gives one; a run
 * that is resumed has its own. SQLITE_ERROR: the user gives another one than the version
 * has.
 */
static int settle_precision(ext_train_request *request, ext_error *error)
{
    static const char *const names[] = {"float32", "bfloat16"};
    gru4rec_options *options = &request->options, active;
    const bool is_open = options->precision == GRU4REC_PRECISION_AUTO ||
                         !ext_options_is_set(options, "precision");
    if (options->warm_start && request->serving != 0 && request->checkpoint.epoch == 0) {
        if (ext_version_options(&active, &request->home, request->serving, error) !=
            SQLITE_OK)
            return error->rc;
        const gru4rec_precision before = gru4rec_precision_of(&active);
        if (!is_open && options->precision != (int64_t)before)
            return ext_error_set(
                error, SQLITE_ERROR,
                "warm_start goes on with version %lld, which was trained "
                "with precision=%s, not %s; leave out precision, or "
                "train without warm_start",
                (long long)request->serving, names[before], names[options->precision]);
        options->precision = before;
    }
    options->precision = gru4rec_precision_of(options);
    return SQLITE_OK;
}

/*
 * Reads all options into request->options, each over the one before: the model's options
 * (if the model exists); those of the best trial of the last finished tuning, if the
 * option tuned is set and resume is not; and those that text gives (NULL: none). Puts the
 * columns that text names into request->columns. SQLITE_ERROR: an option is wrong, or
 * tuned is set and there is no finished tuning.
 */
static int read_options(ext_train_request *request, const char *text, ext_error *error)
{
    int rc = request->is_found ? ext_config_options(&request->config, &request->home,
                                                    &request->options, error)
                               : SQLITE_OK;
    const gru4rec_options own = request->options;
    if (rc == SQLITE_OK)
        rc = parse_options(request, text, error);
    if (rc != SQLITE_OK || !request->options.tuned || request->options.resume)
        return rc;
    request->options = own;
    rc = ext_tuned_apply(request, error);
    return rc == SQLITE_OK ? parse_options(request, text, error) : rc;
}

int ext_train_request_read(ext_train_request *request, ext_connection *connection,
                           int argc, sqlite3_value **argv, ext_error *error)
{
    const char *model, *source, *options;
    ext_name room;
    *request = (ext_train_request){.call = "gru4rec_train",
                                   .is_alone = sqlite3_get_autocommit(connection->db)};
    gru4rec_options_init(&request->options);
    if (ext_value_name(&model, &room, argv[0], error) != SQLITE_OK ||
        ext_value_text(&source, argc > 1 ? argv[1] : NULL, "the second argument",
                       error) != SQLITE_OK ||
        ext_value_text(&options, argc > 2 ? argv[2] : NULL, "the third argument",
                       error) != SQLITE_OK)
        return error->rc;
    if (argc == 2 && source != NULL && ext_options_is(source)) {
        options = source;
        source = NULL;
    }
    request->source = source != NULL ? sqlite3_mprintf("%s", source) : NULL;
    if (source != NULL && request->source == NULL)
        return ext_error_nomem(error);
    int rc = find_model(request, connection, model, error);
    if (rc == SQLITE_OK)
        rc = read_options(request, options, error);
    if (rc == SQLITE_OK && request->options.resume)
        request->kept = ext_kept_find(&request->home, request->id);
    request->given = options;
    /* On other ranks than rank 0 there may be nothing to do but to commit. */
    return rc != SQLITE_OK || request->kept != NULL ||
                   (request->options.resume && !ext_train_job_is_first(request))
               ? rc
               : check_source(request, model, error);
}

int ext_train_request_complete(ext_train_request *request, ext_run *run, ext_error *error)
{
    if (request->is_commit)
        return check_commit(request, request->given, error);
    request->is_writer = ext_train_job_is_writer(request);
    request->is_finished &= request->options.resume != 0;
    int rc = SQLITE_OK;
    if (request->options.resume)
        rc = resume(request, run, request->given, error);
    if (rc != SQLITE_OK || request->is_finished)
        return rc;
    sqlite3_free(run->summary); /* of a version that was finished */
    run->summary = NULL;
    rc = check_source(request, request->home.name, error);
    if (rc == SQLITE_OK)
        rc = ext_options_resolve(&request->options, error);
    if (rc == SQLITE_OK)
        rc = ext_train_ranks_refuse(request, error);
    if (rc == SQLITE_OK)
        rc = find_serving(request, error);
    if (rc == SQLITE_OK)
        rc = settle_precision(request, error);
    if (rc != SQLITE_OK)
        return rc;
    run->source = request->source != NULL ? request->source : request->config.source;
    run->options = ext_options_json(&request->options, true);
    /*
     * This changes only this call; run->options, which the version stores, is made above.
     */
    ext_train_request_follow_quota(&request->options);
    return run->options != NULL ? SQLITE_OK : ext_error_nomem(error);
}

void ext_train_request_free(ext_train_request *request)
{
    ext_run_free_checkpoint(&request->checkpoint);
    sqlite3_free(request->id);
    sqlite3_free(request->source);
    ext_config_free(&request->config);
    ext_options_free_columns(&request->columns);
    ext_home_clear(&request->home);
}
