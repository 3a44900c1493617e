/*
 * ext_tools.h - what is neither training nor serving: models in and out, measuring,
 * looking at schedules, and what a model and a build are.
 */
#ifndef EXT_TOOLS_H
#define EXT_TOOLS_H

#include "../cache/ext_cache.h"

/* ---- ext_safetensors.c ---- */

/*
 * What stands before the values in the file, its length included; the values follow in
 * the order of the model's tensors. *header is of sqlite3_malloc.
 */
int ext_safetensors_header(char **header, size_t *n_header, sqlite3 *db,
                           const ext_loaded *loaded, ext_error *error);
/* A model, its items and options from the bytes of a file. loaded is all zero; free it in
 * any case. */
int ext_safetensors_read(ext_loaded *loaded, sqlite3 *db, const unsigned char *bytes,
                         size_t n_bytes, ext_error *error);

/* ---- what SQL sees, each in its file ---- */

extern const ext_table_function ext_evaluate, ext_batches;
extern const ext_function ext_export_functions[], ext_import_functions[];
extern const ext_function ext_deploy_functions[], ext_info_functions[];

#endif
