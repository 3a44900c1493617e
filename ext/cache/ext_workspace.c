/* ext_workspace.c - opens and keeps the workspaces of a connection; see ext_cache.h. */
#include "ext_cache.h"

void ext_workspace_free(ext_workspace *workspace)
{
    gru4rec_session_free(workspace->session);
    gru4rec_ranking_free(workspace->ranking);
    gru4rec_blender_free(workspace->blender);
    sqlite3_free(workspace->scores);
    ext_model_release(workspace->model);
    *workspace = (ext_workspace){0};
}

int ext_workspace_open(ext_workspace *workspace, ext_connection *connection,
                       ext_model *model, ext_error *error)
{
    ext_handle *handle = connection->handles;
    while (handle != NULL && handle->spare.model != model)
        handle = handle->next;
    if (handle != NULL) {
        *workspace = handle->spare;
        handle->spare = (ext_workspace){0};
        gru4rec_session_reset(workspace->session);
        ext_model_release(model); /* the spare workspace has a hold of its own */
        return SQLITE_OK;
    }
    *workspace = (ext_workspace){.model = model};
    if (gru4rec_session_new(&ext_memory, model->loaded.model, &workspace->session) ==
            GRU4REC_OK &&
        gru4rec_ranking_new(&ext_memory, gru4rec_items_count(model->loaded.items),
                            &workspace->ranking) == GRU4REC_OK &&
        (model->loaded.neighbours == NULL ||
         gru4rec_blender_new(&ext_memory, &model->loaded.blend, &workspace->blender) ==
             GRU4REC_OK))
        return SQLITE_OK;
    ext_workspace_free(workspace);
    return ext_error_nomem(error);
}

gru4rec_real *ext_workspace_scores(ext_workspace *workspace)
{
    const int32_t n = gru4rec_items_count(workspace->model->loaded.items);
    if (workspace->scores == NULL)
        workspace->scores = sqlite3_malloc64((uint64_t)n * sizeof *workspace->scores);
    return workspace->scores;
}

void ext_workspace_close(ext_workspace *workspace, ext_connection *connection)
{
    if (workspace->model == NULL)
        return;
    ext_handle *handle = connection->handles;
    while (handle != NULL && handle->model != workspace->model)
        handle = handle->next;
    if (handle != NULL && handle->spare.model == NULL) {
        handle->spare = *workspace;
        *workspace = (ext_workspace){0};
    } else {
        ext_workspace_free(workspace);
    }
}
