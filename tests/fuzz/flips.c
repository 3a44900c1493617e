/*
 * flips.c - gru4rec_import() of a small export with every single bit of its length field
 * and header flipped, every byte of them replaced by those that matter in JSON, and cut
 * at every byte; with --seeds DIRECTORY, writes what the fuzz targets begin with instead.
 * With PART PARTS, does the bytes and cuts whose number is PART modulo PARTS.
 *
 * Each must be refused with a message of ours, or give a model that passes its check.
 */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* of fuzz_import.c */

static uint8_t *exported; /* (n_exported); exported[0] is the target's first byte */
static size_t n_exported;

static void export_options(const char *options)
{
    sqlite3_stmt *stmt = NULL;
    char *sql = sqlite3_mprintf("SELECT gru4rec_train('seed', 'e', %Q)", options);
    must(sql);
    sqlite3_free(sql);
    sqlite3_prepare_v2(db, "SELECT gru4rec_export('seed')", -1, &stmt, NULL);
    if (sqlite3_step(stmt) != SQLITE_ROW)
        broken("exporting", sqlite3_errmsg(db));
    n_exported = (size_t)sqlite3_column_bytes(stmt, 0) + 1;
    exported = realloc(exported, n_exported);
    exported[0] = 1;
    memcpy(exported + 1, sqlite3_column_blob(stmt, 0), n_exported - 1);
    sqlite3_finalize(stmt);
    must("DROP TABLE seed");
}

static size_t header_end(void)
{
    size_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | exported[1 + i];
    return 9 + n;
}

static long flip_all(size_t part, size_t n_parts)
{
    static const char replacements[] = "\"\\{}[],:0919-.eE \t\n\x01\x7f\x80\xff\0";
    long n = 0;
    size_t end = header_end();
    for (size_t i = 1 + part; i < end; i += n_parts) {
        uint8_t was = exported[i];
        for (int bit = 0; bit < 8; bit++, n++) {
            exported[i] = (uint8_t)(was ^ 1 << bit);
            LLVMFuzzerTestOneInput(exported, n_exported);
        }
        for (size_t r = 0; r < sizeof replacements; r++, n++) {
            exported[i] = (uint8_t)replacements[r];
            LLVMFuzzerTestOneInput(exported, n_exported);
        }
        exported[i] = was;
    }
    for (size_t size = 1 + part; size < n_exported; size += n_parts, n++)
        LLVMFuzzerTestOneInput(exported, size);
    return n;
}

/* ---- seeds ---- */

static void write_seed(const char *directory, const char *kind, int number,
                       const void *bytes, size_t n)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s/%03d", directory, kind, number);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, n, file) != n || fclose(file) != 0)
        broken("writing", path);
}

static const char *const option_texts[] = {
    "layers=2,n_sample=2,n_epochs=1",
    "layers=2/3,loss=bpr-max,final_act=elu-0.5,bpreg=0.3,n_sample=3,seed=7",
    "embedding=layersize,momentum=0.1,dropout_p_embed=0.2,dropout_p_hidden=0.2",
    "constrained_embedding=false,reset_after=false,learning_rate=0.1,batch_size=3",
    "logq=1,sample_alpha=0,elu_param=0,memory_limit=1e7,verbose=false,keep_versions=3",
    "cutoffs=1/5/20,mode=median,baselines=pop",
    "session=session,item=item,time=time,warm_start=true,time_sort=true",
    "{\"layers\":[2,3],\"loss\":\"bpr-max\",\"final_act\":\"linear\",\"bpreg\":0.5}",
    "{\"cutoffs\":[1,2],\"mode\":\"standard\",\"baselines\":\"none\"}",
    "{\"embedding\":2,\"reset_after\":false,\"smoothing\":0,\"hidden_act\":\"tanh\"}",
    "{\"layers\":[65536,65536],\"n_sample\":1000000}",
    " \"layers\" = '3' , [seed]=`5`",
};

static void write_seeds(const char *directory)
{
    for (int i = 0; i < (int)(sizeof option_texts / sizeof *option_texts); i++) {
        char text[300];
        for (int call = 0; call < 5; call++) {
            snprintf(text, sizeof text, "%c%s", call, option_texts[i]);
            write_seed(directory, "options", 5 * i + call, text, strlen(text + 1) + 1);
        }
    }
    for (int i = 0; i < 4; i++) {
        static const char *const shapes[] = {"layers=2", "layers=2/3,embedding=2",
                                             "layers=2,constrained_embedding=false",
                                             "layers=2/2,reset_after=false"};
        char options[100];
        snprintf(options, sizeof options, "%s,n_sample=2,n_epochs=1", shapes[i]);
        export_options(options);
        write_seed(directory, "import", 2 * i, exported, n_exported);
        exported[8] = 0; /* the header by itself */
        write_seed(directory, "import", 2 * i + 1, exported + 8, header_end() - 8);
    }
}

int main(int argc, char **argv)
{
    open_database();
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        write_seeds(argv[2]);
    } else {
        const size_t part = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
        const size_t n_parts = argc == 3 ? strtoul(argv[2], NULL, 10) : 1;
        export_options("layers=1,n_sample=2,n_epochs=1");
        printf("flips: %ld files\n", flip_all(part, n_parts));
    }
    free(exported);
    if (sqlite3_close(db) != SQLITE_OK)
        broken("the database closes", NULL);
    return 0;
}
