/*
 * blas_user.c - finds out who else uses OpenBLAS; see blas_user.h.
 *
 * Two things show that somebody else uses OpenBLAS:
 * - A loaded file needs OpenBLAS (DT_NEEDED), under whatever name.
 * - OpenBLAS was loaded before us. The loader's list has the files in the order in which
 *   they were loaded, so a file that was loaded because we need it stands behind us. If
 *   OpenBLAS stands before us, somebody else asked for it, perhaps by dlopen(), which no
 *   file tells about.
 * If OpenBLAS is linked into our own file, nobody else is looked for.
 */
#define _GNU_SOURCE /* so that dl_iterate_phdr() is declared */
#include "blas_user.h"

#ifdef GRU4REC_CBLAS
#include <stdio.h>
#include <stdlib.h>

#if defined(__linux__) && defined(__LP64__)
#include <link.h>

enum { MOST_FILES = 1024, NONE = -1 };

/*
 * A file that the loader has loaded into this process: the program or a library. All
 * pointers are into the loader's memory.
 */
typedef struct loaded {
    ElfW(Addr) base;
    const ElfW(Phdr) * headers;
    size_t n_headers;
    const ElfW(Dyn) * dynamic; /* its dynamic section; NULL: none, or without strings */
    const char *strings;       /* table of strings that dynamic refers to, or NULL */
    const char *path;          /* its path; "" is the program */
} loaded;

/* The files that the loader has loaded into this process. */
typedef struct loaded_list {
    loaded files[MOST_FILES]; /* (n) in the order of loading */
    int n;
    bool is_whole; /* false: some files were left out, for want of room */
} loaded_list;

/*
 * Returns the address of the table of strings that the file's dynamic section refers to,
 * or NULL if there is none. Some loaders have already added the file's base to the
 * address in the section, others have not. An address below the base still lacks it, so
 * it is added here.
 */
static const char *find_strings(const loaded *file)
{
    for (const ElfW(Dyn) *d = file->dynamic; d != NULL && d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_STRTAB)
            return (const char *)(d->d_un.d_ptr < file->base ? file->base + d->d_un.d_ptr
                                                             : d->d_un.d_ptr);
    return NULL;
}

/*
 * Appends a loaded file to the list (context), with its sections and its path.
 * dl_iterate_phdr() calls it for each file. Returns 0, to go on. If there is no room,
 * clears is_whole and returns 1, so that no more files come.
 */
static int note_file(struct dl_phdr_info *info, size_t size, void *context)
{
    loaded_list *list = context;
    (void)size;
    if (list->n == MOST_FILES) {
        list->is_whole = false;
        return 1;
    }
    loaded *file = &list->files[list->n++];
    *file = (loaded){.base = info->dlpi_addr,
                     .headers = info->dlpi_phdr,
                     .n_headers = info->dlpi_phnum,
                     .path = info->dlpi_name != NULL ? info->dlpi_name : ""};
    for (size_t i = 0; i < file->n_headers; i++)
        if (file->headers[i].p_type == PT_DYNAMIC)
            file->dynamic =
                (const ElfW(Dyn) *)(file->base + (ElfW(Addr))file->headers[i].p_vaddr);
    file->strings = find_strings(file);
    if (file->strings == NULL)
        file->dynamic = NULL;
    return 0;
}

/*
 * Tells whether an address lies in one of the parts of the file that are loaded into
 * memory.
 */
static bool has_address(const loaded *file, const void *address)
{
    for (size_t i = 0; i < file->n_headers; i++) {
        const ElfW(Phdr) *header = &file->headers[i];
        if (header->p_type == PT_LOAD &&
            (ElfW(Addr))address - file->base - header->p_vaddr < header->p_memsz)
            return true;
    }
    return false;
}

/* Returns the index of the file in which the address lies, or NONE. */
static int find_address(const loaded_list *list, const void *address)
{
    for (int i = 0; i < list->n; i++)
        if (has_address(&list->files[i], address))
            return i;
    return NONE;
}

/* Returns the part of path behind its last slash; all of it if there is none. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/*
 * Tells whether a loaded file has this name: as its DT_SONAME, or as the last part of its
 * path. For the path, only the last part of name is compared.
 */
static bool is_called(const loaded *file, const char *name)
{
    if (strcmp(base_name(file->path), base_name(name)) == 0)
        return true;
    for (const ElfW(Dyn) *d = file->dynamic; d != NULL && d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_SONAME)
            return strcmp(file->strings + d->d_un.d_val, name) == 0;
    return false;
}

/* Returns the index of the first file that has this name (is_called()), or NONE. */
static int find_name(const loaded_list *list, const char *name)
{
    for (int i = 0; i < list->n; i++)
        if (is_called(&list->files[i], name))
            return i;
    return NONE;
}

/*
 * Tells whether a file of the list needs another one: it names the other one among the
 * libraries that it needs (DT_NEEDED). file and other are indexes. If the file needs a
 * name that no loaded file has, that name is a link to one of the loaded files, perhaps
 * to the other one: then the answer is true if is_sure is false.
 */
static bool needs(const loaded_list *list, int file, int other, bool is_sure)
{
    const loaded *f = &list->files[file];
    for (const ElfW(Dyn) *d = f->dynamic; d != NULL && d->d_tag != DT_NULL; d++) {
        if (d->d_tag != DT_NEEDED)
            continue;
        const int found = find_name(list, f->strings + d->d_un.d_val);
        if (found == other || (found == NONE && !is_sure))
            return true;
    }
    return false;
}

/*
 * Returns the index of the first file of the list that needs file other (see needs()), or
 * NONE. Passes over file ours, and other itself.
 */
static int find_needing(const loaded_list *list, int ours, int other, bool is_sure)
{
    for (int i = 0; i < list->n; i++)
        if (i != ours && i != other && needs(list, i, other, is_sure))
            return i;
    return NONE;
}

/*
 * Returns the index of a file, except ours, that needs OpenBLAS (file blas), or NONE. If
 * that file's name has "blas" or "lapack" in it, it is a wrapper of OpenBLAS
 * (libblas.so.3): then the file that needs the wrapper is returned instead, through up to
 * three wrappers. If nobody else needs a wrapper, the wrapper itself is returned.
 */
static int find_user(const loaded_list *list, int ours, int blas)
{
    int user = find_needing(list, ours, blas, false), next = user;
    for (int i = 0; i < 4 && next != NONE; i++) {
        const char *name = base_name(list->files[next].path);
        user = next;
        next = strstr(name, "blas") != NULL || strstr(name, "lapack") != NULL
                   ? find_needing(list, ours, user, true)
                   : NONE;
    }
    return user;
}

/*
 * Writes into name (size) that the file with the index user uses OpenBLAS, with "?" in
 * place of each character that is not printable ASCII. If user is NONE, name, which must
 * be "", stays "".
 */
static void name_user(const loaded_list *list, int user, char *name, size_t size)
{
    const char *path = user == NONE ? "" : list->files[user].path;
    if (user == 0 && *path == '\0')
        path = "the program";
    if (user != NONE)
        snprintf(name, size, "%.60s uses OpenBLAS too", base_name(path));
    /* The text goes into JSON, so what is not printable ASCII becomes "?". */
    for (char *c = name; *c != '\0'; c++)
        *c = *c >= ' ' && *c <= '~' ? *c : '?';
}

/*
 * Does the work of g4r_blas_user_is_alone() with the list of loaded files. user must be
 * "" on entry.
 */
static bool is_alone(const loaded_list *list, const void *text,
                     const void *const *functions, size_t n, char *user, size_t user_size)
{
    static const char here;
    const int ours = find_address(list, &here), blas = find_address(list, text);
    bool is_one = list->is_whole && ours != NONE && blas != NONE;
    for (size_t i = 0; i < n && is_one; i++)
        is_one = has_address(&list->files[blas], functions[i]);
    if (!is_one || blas == ours)
        return is_one;
    const int other = find_user(list, ours, blas);
    name_user(list, other, user, user_size);
    return other == NONE && blas > ours;
}

bool g4r_blas_user_is_alone(const void *text, const void *const *functions, size_t n,
                            char *user, size_t user_size)
{
    loaded_list *list = malloc(sizeof *list);
    *user = '\0';
    if (list == NULL)
        return false;
    list->n = 0;
    list->is_whole = true;
    dl_iterate_phdr(note_file, list);
    const bool is_ours = is_alone(list, text, functions, n, user, user_size);
    free(list);
    return is_ours;
}

#else
bool g4r_blas_user_is_alone(const void *text, const void *const *functions, size_t n,
                            char *user, size_t user_size)
{
    (void)text;
    (void)functions;
    (void)n;
    snprintf(user, user_size, "%s", "");
    return false;
}
#endif
#endif
