/*
 * trainer.h - trains one copy of the model, step by step.
 *
 * A process has one trainer, which works on the training itself and exchanges the sums
 * of each step with the other processes, if there are any. With option sync_steps, each
 * group has a trainer and a copy of its own, and sync.h makes the copies one again.
 */
#ifndef G4R_TRAINER_H
#define G4R_TRAINER_H

#include "../data/sampler.h"
#include "exchange.h"
#include "lanes.h"

/* What the trainers of a process have in common: the progress, and whether to stop. */
typedef struct g4r_watch {
    const gru4rec_hooks *hooks; /* borrowed */
    gru4rec_progress progress;
    double loss; /* sum of the losses of progress.events */
    /*
     * The hook poll has once said stop; it is not called again then. The training ends
     * at the next exchange.
     */
    bool is_stopped;
} g4r_watch;

typedef struct g4r_trainer {
    gru4rec_training *training;     /* the copy; borrowed */
    const gru4rec_options *options; /* borrowed */
    const g4r_exchange *exchange;   /* made in each step; borrowed */
    g4r_watch *watch;               /* borrowed */
    g4r_lanes lanes;
    g4r_sampler sampler; /* used only if K > 0 */
    int32_t *samples;    /* (K) item rows drawn for one step; used only if K > 0 */
    g4r_step step;
    /* Sums over the steps since g4r_trainer_start() or the caller's last reset. */
    gru4rec_epoch sums;
    bool is_over; /* no step of the epoch is left */
} g4r_trainer;

/*
 * Tells whether the work must stop. context is a g4r_watch. Asks the hook poll, and
 * keeps the answer. After the first yes, poll is not called again, and the answer is
 * always yes. If there is no hook poll, it returns false.
 */
bool g4r_trainer_is_stopped(void *watch);
/* Returns INTERRUPTED, with the message. */
gru4rec_status g4r_trainer_fail_interrupted(gru4rec_error *error);
/* Returns DIVERGED; the message says what is not finite, and after which step. */
gru4rec_status g4r_trainer_fail_diverged(const g4r_watch *watch, const char *what,
                                         gru4rec_error *error);

/*
 * Allocates what the steps need: the step with its threads, and, if K > 0, the sampler
 * and the room for samples. The trainer's borrowed fields and its lanes must be set.
 * The caller calls g4r_trainer_free(), also after an error. NOMEM: there is not enough
 * memory.
 */
gru4rec_status g4r_trainer_open(g4r_trainer *trainer, const int64_t *support,
                                gru4rec_error *error);
/* Frees all that the trainer has, its lanes too; accepts a struct of zeros. */
void g4r_trainer_free(g4r_trainer *trainer);
/*
 * Returns the bytes that g4r_trainer_open() allocates for steps of this plan, without
 * the stacks of threads.
 */
size_t g4r_trainer_bytes(const g4r_params *params, const gru4rec_options *options,
                         const g4r_step_plan *plan);
/*
 * Begins the epoch with this number: starts its random numbers, shuffles the sessions
 * if option train_random_order is set, and goes back to the first step of the
 * schedules. The random numbers depend only on the seed, the epoch and part, so a
 * training can go on from any epoch. part: 0, or the group that trains by itself.
 */
void g4r_trainer_start(g4r_trainer *trainer, int64_t epoch, int64_t part);
/*
 * Trains until the training has had n_updates more updates, or until the epoch is over,
 * and adds the steps to the sums. The last update of an epoch can have less than T
 * frames. INTERRUPTED: the hook poll has said stop, here or on another rank. DIVERGED:
 * a loss is not finite. Or returns the status of an exchange.
 */
gru4rec_status g4r_trainer_run(g4r_trainer *trainer, int64_t n_updates,
                               gru4rec_error *error);

#endif
