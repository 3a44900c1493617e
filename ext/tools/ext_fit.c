/* ext_fit.c - baselines, fitted to be measured beside a version; see ext_tools.h. */
#include "ext_tools.h"

static int fit(ext_measurement *request, gru4rec_baseline_kind kind,
               const gru4rec_baseline_data *data, ext_budget *budget, ext_poll *poll,
               ext_error *error)
{
    gru4rec_error message = {0};
    const gru4rec_status status =
        gru4rec_baseline_new(&budget->allocator, kind, &request->options, data,
                             ext_poll_is_stopped, poll,
                             &request->baselines[request->n_baselines], &message);
    request->n_baselines += status == GRU4REC_OK;
    return ext_error_library(error, status, &message);
}

int ext_fit_baselines(ext_measurement *request, ext_budget *budget, sqlite3 *db,
                      ext_error *error)
{
    const gru4rec_items *items = request->model->loaded.items;
    const gru4rec_baseline_data data = {.n_items = gru4rec_items_count(items),
                                        .support = gru4rec_items_support(items)};
    ext_poll poll;
    int rc = SQLITE_OK;
    ext_poll_start(&poll, db);
    for (int i = 0; i < GRU4REC_N_BASELINES && rc == SQLITE_OK; i++)
        if (gru4rec_baseline_is_asked(&request->options, (gru4rec_baseline_kind)i))
            rc = fit(request, (gru4rec_baseline_kind)i, &data, budget, &poll, error);
    ext_poll_stop(&poll);
    return ext_budget_explain(budget, "fitting the baselines",
                              "use fewer of them, or fewer events", error);
}
