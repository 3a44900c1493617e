/*
 * fault_alloc.h - a gru4rec_allocator that keeps books and can run out of memory.
 *
 * It counts live blocks and bytes (a leak is what is left), fails the N-th request, or
 * that and all later ones, or whatever would pass a limit. Fresh bytes are 0xa5, so that
 * nothing passes by finding zeros, and a resized block always moves, so that an address
 * kept too long is found by the sanitizer. Frees never fail and are no requests.
 *
 *     fault_alloc fault = {.fail_at = 3};
 *     gru4rec_allocator allocator = fault_alloc_allocator(&fault);
 */
#ifndef FAULT_ALLOC_H
#define FAULT_ALLOC_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../include/gru4rec.h"

typedef struct fault_alloc {
    size_t fail_at; /* this request fails, counted from 1; 0: none */
    bool is_sticky; /* and all after it */
    size_t limit;   /* live bytes; 0: no limit but a gigabyte */
    size_t n_requests;
    size_t n_failed;
    size_t n_live;     /* blocks */
    size_t live_bytes; /* of them */
    size_t peak_bytes;
} fault_alloc;

/* In front of each block. */
typedef union fault_head {
    size_t bytes;
    max_align_t alignment;
} fault_head;

static inline bool fault_is_due(const fault_alloc *fault, size_t old_bytes, size_t bytes)
{
    size_t limit = fault->limit > 0 ? fault->limit : (size_t)1 << 30;
    size_t n = fault->n_requests;
    if (fault->fail_at > 0 &&
        (n == fault->fail_at || (fault->is_sticky && n > fault->fail_at)))
        return true;
    return bytes > limit || fault->live_bytes - old_bytes > limit - bytes;
}

static inline void *fault_resize(void *context, void *block, size_t bytes)
{
    fault_alloc *fault = context;
    fault_head *old = block == NULL ? NULL : (fault_head *)block - 1;
    size_t old_bytes = old == NULL ? 0 : old->bytes;
    fault_head *head = NULL;
    if (bytes > 0) {
        fault->n_requests++;
        if (fault_is_due(fault, old_bytes, bytes) ||
            (head = malloc(sizeof *head + bytes)) == NULL) {
            fault->n_failed++;
            return NULL;
        }
        head->bytes = bytes;
        memset(head + 1, 0xa5, bytes);
        if (old != NULL)
            memcpy(head + 1, block, old_bytes < bytes ? old_bytes : bytes);
        fault->n_live++;
        fault->live_bytes += bytes;
    }
    if (old != NULL) {
        fault->n_live--;
        fault->live_bytes -= old_bytes;
        free(old);
    }
    if (fault->live_bytes > fault->peak_bytes)
        fault->peak_bytes = fault->live_bytes;
    return head == NULL ? NULL : head + 1;
}

static inline gru4rec_allocator fault_alloc_allocator(fault_alloc *fault)
{
    return (gru4rec_allocator){fault_resize, fault, NULL};
}

#endif
