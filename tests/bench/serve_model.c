/*
 * serve_model.c - invented models, databases, lists of items; see serve.h.
 *
 * A model is written as a safetensors file (the layout is in ext/ext_safetensors.c) with
 * the tensors of one GRU layer and a shared embedding, all normal: the items' rows with a
 * deviation of 0.3, as trained ones have, biases with 0.05, the layer's with 0.1. The
 * same width and number of items give the same weights, whether the model blends or not.
 */
#include "serve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers ---- */

/* SplitMix64. */
uint64_t serve_random_next(serve_random *random)
{
    uint64_t x = random->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

double serve_random_uniform(serve_random *random)
{
    return (double)(serve_random_next(random) >> 11) * 0x1p-53;
}

int64_t serve_random_below(serve_random *random, int64_t n)
{
    return (int64_t)(serve_random_uniform(random) * (double)n);
}

int64_t serve_random_item(serve_random *random, int64_t n)
{
    const double span = log(((double)n + 20) / 20);
    const double rank = 20 * exp(span * serve_random_uniform(random)) - 20;
    return (int64_t)((uint64_t)rank * 0x9e3779b1u % (uint64_t)n);
}

/* Two standard normals, by the polar method (Marsaglia). */
static void draw_normals(serve_random *random, double pair[2])
{
    for (;;) {
        double x = 2 * serve_random_uniform(random) - 1;
        double y = 2 * serve_random_uniform(random) - 1, r2 = x * x + y * y;
        if (r2 > 0 && r2 < 1) {
            double scale = sqrt(-2 * log(r2) / r2);
            pair[0] = x * scale;
            pair[1] = y * scale;
            return;
        }
    }
}

char *serve_items(serve_random *random, int64_t n_items, int64_t n, bool is_distinct)
{
    char *text = serve_allocate((size_t)n * 12 + 3, 1), *at = text;
    int64_t *ids = serve_allocate(is_distinct ? (size_t)n_items : 1, sizeof *ids);
    for (int64_t i = 0; is_distinct && i < n_items; i++)
        ids[i] = i + 1;
    *at++ = '[';
    for (int64_t i = 0; i < n; i++) {
        int64_t id = 1 + serve_random_below(random, n_items);
        if (is_distinct) { /* the next of a shuffle */
            int64_t other = i + serve_random_below(random, n_items - i);
            id = ids[other];
            ids[other] = ids[i];
        }
        at += sprintf(at, i > 0 ? ",%lld" : "%lld", (long long)id);
    }
    strcpy(at, "]");
    free(ids);
    return text;
}

/* ---- databases ---- */

sqlite3 *serve_open(const serve_settings *settings, const char *name, bool is_bare)
{
    sqlite3 *db;
    char *message = NULL, path[600];
    snprintf(path, sizeof path, "%s/%s", settings->folder, name);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        serve_die("cannot open %s: %s", path, sqlite3_errmsg(db));
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
    if (!is_bare &&
        sqlite3_load_extension(db, settings->extension, NULL, &message) != SQLITE_OK)
        serve_die("cannot load %s: %s", settings->extension, message);
    return db;
}

void serve_close(sqlite3 *db)
{
    if (sqlite3_close(db) != SQLITE_OK)
        serve_die("cannot close: %s", sqlite3_errmsg(db));
}

void serve_exec(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        serve_die("%s: %s", sql, sqlite3_errmsg(db));
}

sqlite3_stmt *serve_prepare(sqlite3 *db, char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        serve_die("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_free(sql);
    return stmt;
}

bool serve_step(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        serve_die("%s: %s", sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
    return rc == SQLITE_ROW;
}

/* ---- models ---- */

typedef struct tensor {
    const char *name, *type; /* type: F32, I32, F64 */
    int64_t rows, cols;      /* cols 0: a vector */
    const void *values;      /* or NULL: drawn, of this deviation */
    double deviation;
} tensor;

enum { MOST_TENSORS = 9 };

/* Returns their number. */
static int list_tensors(tensor list[MOST_TENSORS], const serve_model *model)
{
    const int64_t h = model->width, n = model->n_items;
    const serve_sessions *s = model->sessions;
    int n_tensors = 0;
    if (s != NULL) {
        list[n_tensors++] = (tensor){"blend.times", "F64", s->n_sessions, 0, s->times, 0};
        list[n_tensors++] =
            (tensor){"blend.lengths", "I32", s->n_sessions, 0, s->lengths, 0};
        list[n_tensors++] = (tensor){"blend.rows", "I32", s->n_events, 0, s->rows, 0};
    }
    list[n_tensors++] = (tensor){"Wy.weight", "F32", n, h, NULL, 0.3};
    list[n_tensors++] = (tensor){"By.weight", "F32", n, 1, NULL, 0.05};
    list[n_tensors++] = (tensor){"G.0.weight_ih", "F32", 3 * h, h, NULL, 0.1};
    list[n_tensors++] = (tensor){"G.0.weight_hh", "F32", 3 * h, h, NULL, 0.1};
    list[n_tensors++] = (tensor){"G.0.bias_ih", "F32", 3 * h, 0, NULL, 0.05};
    list[n_tensors++] = (tensor){"G.0.bias_hh", "F32", 3 * h, 0, NULL, 0.05};
    return n_tensors;
}

static int64_t count_values(const tensor *t)
{
    return t->rows * (t->cols > 0 ? t->cols : 1);
}

static size_t value_bytes(const tensor *t)
{
    return strcmp(t->type, "F64") == 0 ? 8 : 4;
}

/* The header, from behind its length. */
static void write_header(FILE *file, const serve_model *model, const tensor *list,
                         int n_tensors)
{
    int64_t at = 0;
    fputs("{\"__metadata__\":{\"format\":\"gru4rec\",\"items\":\"[", file);
    for (int64_t i = 0; i < model->n_items; i++)
        fprintf(file, i > 0 ? ",%lld" : "%lld",
                (long long)(model->ids != NULL ? model->ids[i] : i + 1));
    fputs("]\",\"support\":\"[", file);
    for (int64_t i = 0; i < model->n_items; i++)
        fprintf(file, i > 0 ? ",%d" : "%d", 1 + (int)(1000000 / (i + 20)));
    fprintf(file, "]\",\"options\":\"{\\\"layers\\\":[%d]", model->width);
    if (model->quantize != NULL)
        fprintf(file, ",\\\"quantize\\\":\\\"%s\\\"", model->quantize);
    if (model->sessions != NULL)
        fputs(",\\\"blend\\\":0.5", file);
    fputs("}\"}", file);
    for (int i = 0; i < n_tensors; i++) {
        int64_t end = at + (int64_t)value_bytes(&list[i]) * count_values(&list[i]);
        fprintf(file, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%lld", list[i].name,
                list[i].type, (long long)list[i].rows);
        if (list[i].cols > 0)
            fprintf(file, ",%lld", (long long)list[i].cols);
        fprintf(file, "],\"data_offsets\":[%lld,%lld]}", (long long)at, (long long)end);
        at = end;
    }
    fputc('}', file);
}

static void draw_values(FILE *file, const tensor *t, serve_random *random)
{
    enum { PART = 4096 };
    float values[PART];
    for (int64_t left = count_values(t); left > 0; left -= PART) {
        for (int i = 0; i < PART; i += 2) {
            double pair[2];
            draw_normals(random, pair);
            values[i] = (float)(pair[0] * t->deviation);
            values[i + 1] = (float)(pair[1] * t->deviation);
        }
        fwrite(values, sizeof *values, (size_t)(left < PART ? left : PART), file);
    }
}

static void write_values(FILE *file, const tensor *t, serve_random *random)
{
    if (t->values != NULL)
        fwrite(t->values, value_bytes(t), (size_t)count_values(t), file);
    else
        draw_values(file, t, random);
}

static void write_model(const char *path, const serve_model *model)
{
    tensor list[MOST_TENSORS];
    serve_random random = {(uint64_t)model->width};
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        serve_die("cannot write %s", path);
    const int n_tensors = list_tensors(list, model);
    unsigned char length[8] = {0};
    fwrite(length, 1, sizeof length, file); /* its place */
    write_header(file, model, list, n_tensors);
    uint64_t n = (uint64_t)ftell(file) - sizeof length;
    for (int i = 0; i < n_tensors; i++)
        write_values(file, &list[i], &random);
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(n >> (8 * i));
    rewind(file);
    fwrite(length, 1, sizeof length, file);
    bool is_ok = ferror(file) == 0;
    if (fclose(file) != 0 || !is_ok)
        serve_die("cannot write %s", path);
}

void serve_model_import(const serve_settings *settings, sqlite3 *db,
                        const serve_model *model)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s.safetensors", settings->folder, model->name);
    write_model(path, model);
    serve_exec(db, "PRAGMA synchronous = OFF");
    sqlite3_stmt *stmt =
        serve_prepare(db, sqlite3_mprintf("SELECT gru4rec_import(%Q, %Q)", model->name,
                                          path));
    serve_step(stmt);
    sqlite3_finalize(stmt);
    remove(path);
}

typedef struct making {
    const serve_settings *settings;
    const char *database;
    const serve_model *model;
} making;

static int make_model(void *context)
{
    const making *m = context;
    sqlite3 *db = serve_open(m->settings, m->database, false);
    serve_model_import(m->settings, db, m->model);
    serve_close(db);
    return 0;
}

bool serve_model_make(const serve_settings *settings, const char *database,
                      const serve_model *model)
{
    making m = {settings, database, model};
    return serve_in_child(make_model, &m);
}

int serve_model_kinds(const serve_settings *settings, const char *name, int64_t n_items,
                      int width, serve_model models[2])
{
    models[0] = (serve_model){"float32", "false", n_items, NULL, width, NULL};
    models[1] = (serve_model){"int8", "true", n_items, NULL, width, NULL};
    if (settings->has_quantize)
        return 2;
    models[0].quantize = NULL;
    serve_print_note(settings, name,
                     "int8 skipped: this extension has no option quantize");
    return 1;
}

size_t serve_model_bytes(const serve_model *model)
{
    size_t row = (size_t)model->width;
    bool is_small = strcmp(model->name, "int8") == 0;
    return (size_t)model->n_items * (is_small ? row + 16 : 4 * row);
}
