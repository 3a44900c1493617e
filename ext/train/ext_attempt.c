/*
 * ext_attempt.c - makes and frees what a call of gru4rec_train() works with; see
 * ext_train.h.
 */
#include "ext_train.h"

ext_attempt *ext_attempt_new(void)
{
    ext_attempt *attempt = sqlite3_malloc(sizeof *attempt);
    if (attempt == NULL)
        return NULL;
    *attempt = (ext_attempt){0};
    attempt->training.request = &attempt->request;
    attempt->training.data = &attempt->data;
    return attempt;
}

void ext_attempt_free(ext_attempt *attempt)
{
    ext_training *training = &attempt->training;
    if (training->is_alive)
        ext_alive_stop(&training->run.alive);
    ext_pending_add(attempt->obituary);
    gru4rec_training_free(&training->weights);
    ext_run_free(&training->run);
    sqlite3_free(training->id);
    ext_home_clear(&training->home);
    ext_train_data_free(&attempt->data);
    ext_train_request_free(&attempt->request);
    sqlite3_free(attempt);
}
