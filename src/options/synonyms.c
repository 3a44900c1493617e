/*
 * synonyms.c - the table of the names that options have in other tools; see synonyms.h.
 *
 * The words are arguments and configuration keys of RecBole, Keras, PyTorch and other
 * tools that train models. The table is needed because many of these words differ least,
 * in letters, from an option that means something else.
 */
#include "synonyms.h"

#include <ctype.h>
#include <limits.h>

#define TRAIN GRU4REC_SCOPE_TRAIN
#define EVALUATE GRU4REC_SCOPE_EVALUATE
#define BOTH (GRU4REC_SCOPE_TRAIN | GRU4REC_SCOPE_EVALUATE)

/*
 * Lists of words of other tools. Each list is in two entries of the table, because the
 * words mean one thing in a training and another in an evaluation.
 */
#define NEGATIVES                                                                      \
    "n_samples|num_samples|n_neg|n_negs|n_negative|n_negatives|num_neg|num_negs|"      \
    "num_negative|num_negatives|neg_num|negatives|neg_samples|negative_samples|"       \
    "negative_sampling|neg_sampling|n_neg_samples|num_neg_samples|n_negative_samples|" \
    "num_negative_samples|num_sampled|train_neg_sample_num|train_neg_sample_args|"     \
    "sample_num|samples|sample_size"

#define SOURCE                                                                      \
    "source|sources|table|events|data|data_path|train|train_data|train_path|input|" \
    "dataset|data_source|query|select"

#define SEEN                                                                           \
    "seen|remove_seen|mask_seen|filter_seen|hide_seen|exclude_history|remove_history|" \
    "filter_history|filter_already_seen|no_repeats"

/*
 * The table: for each meaning an entry with the words that other tools have for it. All
 * words are in lower case.
 */
static const g4r_synonym table[] = {
    /* ---- the network ---- */
    {"hidden_size|hidden_sizes|hidden_dim|hidden_units|hidden|n_hidden|num_hidden|units|"
     "n_units|num_units|rnn_size|rnn_units|rnn_hidden|rnn_hidden_size|gru_size|gru_units|"
     "gru_hidden_size|layer_size|layer_sizes|hidden_layers|hidden_layer_sizes|d_model|"
     "factors|n_factors|latent_dim|dim|size|vector_size|rnn_dim|gru_dim|rnn_hidden_dim|"
     "gru_hidden_dim|state_size|state_dim|cell_size",
     BOTH, "layers", NULL},
    {"num_layers|n_layers|nlayers|layer_num|gru_layers|rnn_layers|depth|"
     "num_hidden_layers|n_hidden_layers",
     BOTH, NULL, "give the width of each layer: layers=100/100 are two layers"},
    {"embedding_size|embedding_dim|embedding_dims|embedding_dimension|embed_dim|"
     "embed_size|emb_dim|emb_size|n_embedding|item_embedding_dim|item_embedding_size",
     BOTH, "embedding", NULL},
    {"tie_weights|tied_weights|tie_embeddings|tied_embeddings|tie_word_embeddings|"
     "weight_tying|share_embedding|share_embeddings|shared_embedding|shared_embeddings|"
     "share_weights",
     BOTH, "constrained_embedding", NULL},
    {"dense|dense_layers|mlp|mlp_layers|mlp_hidden_size|fc|fc_layers|head|output_layers|"
     "inner_size",
     BOTH, "feedforward", NULL},
    {"dense_act|dense_activation|mlp_act|mlp_activation|fc_act", BOTH, "feedforward_act",
     NULL},
    {"activation|act|act_fn|activation_fn|hidden_activation|nonlinearity", BOTH,
     "hidden_act", NULL},
    {"final_activation|output_activation|out_act|output_act|last_activation", BOTH,
     "final_act", NULL},
    {"bias|use_bias", BOTH, "biases", NULL},
    {"cell|cell_type|rnn|rnn_type|rnn_cell|gru_type", BOTH, NULL,
     "all layers are GRUs, of PyTorch's kind unless reset_after=false"},
    {"bidirectional|attention|num_heads|n_heads|layer_norm|layernorm|layer_norm_eps|"
     "batch_norm|batchnorm",
     BOTH, NULL, "the network has GRU layers only; leave it out"},
    {"num_items|n_items|item_num|item_count|vocab_size|vocabulary_size|input_size|"
     "input_dim|output_size|output_dim|num_classes|n_classes|num_embeddings",
     BOTH, NULL, "the catalogue is the items of the events; leave it out"},
    {"stateful|return_sequences|return_state|batch_first|time_major", BOTH, NULL,
     "sessions run through the layers side by side, each with its own state; leave it "
     "out"},
    {"temperature|tau|softmax_temperature", BOTH, NULL,
     "scores are not divided by a temperature; leave it out"},
    {"init_std|init_scale|init_range|init_sigma|initializer_range|weight_init_std|stddev",
     BOTH, "sigma", NULL},
    {"init|init_method|initializer|weight_init|kernel_initializer", BOTH,
     "sigma|init_as_normal", NULL},

    /* ---- training ---- */
    {"lr|lr0|eta|eta0|learn_rate|base_lr|init_lr|initial_lr|start_lr|max_lr|step_size|"
     "learning_rate_init|lrate|l_rate|rate",
     BOTH, "learning_rate", NULL},
    {"lr_scheduler|lr_schedule|scheduler|scheduler_type|lr_decay|lr_decay_rate|"
     "lr_decay_step|lr_decay_steps|learning_rate_decay|decay_rate|decay_steps|gamma|"
     "warmup|warmup_steps|warmup_ratio|lr_step|lr_patience|lr_factor|cosine",
     BOTH, NULL,
     "the learning rate is the same to the end, and adapt=adagrad shortens its own "
     "steps; "
     "leave it out"},
    {"optimizer|optimiser|optimizer_name|optimizer_type|optim|optim_type|opt|opt_alg|"
     "learner|solver|updater",
     BOTH, "adapt", NULL},
    {"betas|beta|beta1|beta2|beta_1|beta_2|adam_betas|adam_beta1|adam_beta2|rho|"
     "optimizer_params|optimizer_args|optimizer_kwargs|optim_args",
     BOTH, "adapt_params", NULL},
    {"decay", BOTH, "lmbd|adapt_params", NULL},
    {"eps|epsilon|adam_eps|adam_epsilon|optimizer_eps", BOTH, NULL,
     "the number that prevents a division by zero is fixed; leave it out"},
    {"amsgrad|use_amsgrad", BOTH, NULL, "adam is always without amsgrad; leave it out"},
    {"mom|sgd_momentum|momentum_factor", BOTH, "momentum", NULL},
    {"nesterov|use_nesterov", BOTH, NULL,
     "momentum is always the classical one; leave it out"},
    {"epoch|epochs|num_epoch|num_epochs|n_epoch|nb_epoch|nb_epochs|max_epoch|max_epochs|"
     "total_epochs|train_epochs|training_epochs|num_train_epochs|n_iter|n_iters|iter|"
     "niter|iters|iterations|num_iterations|max_iter|passes",
     BOTH, "n_epochs", NULL},
    {"max_steps|steps|steps_per_epoch|num_steps|n_steps", BOTH, NULL,
     "the length of a training is given in epochs: n_epochs"},
    {"batch|bs|batchsize|batch_sz|train_batch_size|training_batch_size|mini_batch|"
     "mini_batch_size|minibatch|minibatch_size|per_device_train_batch_size|n_batch",
     BOTH, "batch_size", NULL},
    {"eval_batch_size|test_batch_size|valid_batch_size|val_batch_size|"
     "per_device_eval_batch_size",
     BOTH, NULL, "an evaluation chooses the size of its batches itself; leave it out"},
    {"drop_last|drop_remainder", BOTH, NULL,
     "new sessions take the places of those that end, so there is no last batch; leave "
     "it out"},
    {"dropout|dropout_p|dropout_prob|dropout_rate|drop_prob|drop_rate|p_dropout|drop|"
     "drop_ratio|dropout_ratio",
     BOTH, "dropout_p_embed|dropout_p_hidden", NULL},
    {"keep_prob|keep_probability|keep_rate", BOTH, NULL,
     "give the share that is dropped, not that which is kept: dropout_p_embed, "
     "dropout_p_hidden"},
    {"hidden_dropout|hidden_dropout_prob|hidden_dropout_rate|dropout_hidden|"
     "dropout_prob_hidden|rnn_dropout|gru_dropout|recurrent_dropout|layer_dropout",
     BOTH, "dropout_p_hidden", NULL},
    {"embedding_dropout|embedding_dropout_prob|embed_dropout|emb_dropout|emb_drop|"
     "dropout_embed|dropout_embedding|dropout_emb|input_dropout|dropout_input|"
     "spatial_dropout",
     BOTH, "dropout_p_embed", NULL},
    {"loss_type|loss_fn|loss_func|loss_function|loss_name|criterion|cost|"
     "cost_function",
     BOTH, "loss", NULL},
    {"label_smoothing|label_smooth|smooth|smoothing_factor", BOTH, "smoothing", NULL},
    {NEGATIVES, TRAIN, "n_sample", NULL},
    {"alpha|sampling_alpha|neg_alpha|neg_sampling_alpha|negative_sampling_alpha|"
     "ns_exponent|sample_exponent|sampling_exponent|sampling_power|neg_power",
     BOTH, "sample_alpha", NULL},
    {"log_q|logq_correction|log_q_correction|sampling_correction|popularity_correction",
     BOTH, "logq", NULL},
    {"weight_decay|wd|l2|l2_reg|l2_weight|l2_lambda|l2_regularization|reg|reg_weight|"
     "reg_lambda|reg_param|reg_rate|regularization|regularizer|kernel_regularizer|lambda|"
     "lmbda|lambda_reg",
     BOTH, "lmbd", NULL},
    {"l1|l1_reg|l1_weight|l1_regularization", BOTH, NULL,
     "there is only L2 weight decay: lmbd"},
    {"bpr_reg|bprreg|bpr_max_reg|score_reg", BOTH, "bpreg", NULL},
    {"grad_clip|grad_clip_norm|grad_clipping|gradient_clip|gradient_clip_val|"
     "gradient_clipping|clip|clip_norm|clipnorm|global_clipnorm|clipvalue|clip_value|"
     "clip_grad|clip_grad_norm|clip_gradients|max_norm|max_grad_norm|max_gradient_norm|"
     "grad_norm|grad_max_norm|max_grad|max_gradient",
     BOTH, "grad_cap", NULL},
    {"bptt_steps|bptt_len|tbptt|tbptt_steps|truncated_bptt|truncated_bptt_steps|unroll|"
     "backprop_steps",
     BOTH, "bptt", NULL},
    {"max_item_list_length|max_seq_length|max_seq_len|max_sequence_length|"
     "max_history_length|max_history|max_len|maxlen|seq_len|seq_length|sequence_length|"
     "history_length|window|n_context|max_session_length|max_session_len|"
     "session_max_length|session_max_len",
     BOTH, "max_length", NULL},
    {"shuffle|shuffle_sessions|random_order|shuffle_data", BOTH, "train_random_order",
     NULL},
    {"random_state|random_seed|rand_seed|rng|rng_seed|manual_seed|global_seed|"
     "np_seed|torch_seed",
     BOTH, "seed", NULL},
    {"num_threads|n_threads|nthreads|thread|n_thread|num_thread|n_jobs|jobs|workers|"
     "worker|num_workers|n_workers|n_cores|num_cores|cores|cpus|n_cpus|nproc",
     BOTH, "threads", NULL},
    {"device|gpu|gpu_id|gpus|use_gpu|cuda|use_cuda|accelerator", BOTH, NULL,
     "a training runs on the processor; leave it out"},
    {"fp16|bf16|amp|enable_amp|mixed_precision|autocast|dtype|float16|bfloat16|float32|"
     "float64",
     BOTH, "precision", NULL},
    {"verbosity|progress|progress_bar|show_progress|show_progress_bar|"
     "enable_progress_bar|tqdm|disable_tqdm|quiet|silent|log_level|loglevel|logging|"
     "debug|display_step|log_interval|print_every",
     BOTH, "verbose", NULL},

    /* ---- measuring while training, and going on ---- */
    {"validation_split|validation_fraction|validation_ratio|validation_size|"
     "validation_data|valid|valid_ratio|valid_portion|valid_size|val|val_size|val_split|"
     "val_ratio|val_fraction|eval_split|holdout|dev_ratio",
     BOTH, "validation", NULL},
    {"early_stopping|early_stop|earlystopping|use_early_stopping", BOTH, NULL,
     "sessions are held out by validation, and patience says when to stop: "
     "validation=0.1,patience=3"},
    {"stopping_step|stop_step|early_stopping_patience|early_stopping_rounds|"
     "early_stop_patience|es_patience|n_iter_no_change|tolerance|tol|min_delta",
     BOTH, "patience", NULL},
    {"eval_step|eval_steps|eval_every|eval_freq|validation_freq|eval_interval|"
     "valid_metric|monitor|metric_for_best_model",
     BOTH, NULL, "with validation each epoch is measured, by MRR@20; leave it out"},
    {"pretrained|pretrained_model|init_from|finetune|fine_tune|fine_tuning|"
     "continue_training|partial_fit|incremental|reset",
     BOTH, "warm_start", NULL},
    {"checkpoint|checkpoints|checkpoint_every|checkpoint_freq|checkpoint_interval|"
     "checkpoint_steps|save_every|save_freq|save_step|save_steps|save_interval",
     BOTH, "checkpoint_epochs", NULL},
    {"checkpoint_dir|checkpoint_path|save_dir|save_path|save_model|output_dir|model_path|"
     "saved|model_file|log_dir|logdir",
     BOTH, NULL,
     "a model is stored in its database; gru4rec_export(model, file) writes it "
     "elsewhere"},
    {"resume_from|resume_from_checkpoint|resume_training|restart", BOTH, "resume", NULL},
    {"save_optimizer|store_optimizer|save_optimizer_state|optimizer_state", BOTH,
     "keep_optimizer", NULL},
    {"versions|n_versions|num_versions|max_versions|keep|max_to_keep|save_total_limit",
     BOTH, "keep_versions", NULL},

    /* ---- events ---- */
    {"min_item_support|item_support|item_min_support|min_item_count|min_item_freq|"
     "min_count|min_freq|min_item_inter|min_item_inter_num|item_inter_num_interval|"
     "item_min_count|min_pop",
     BOTH, "min_support", NULL},
    {"min_session_length|min_session_len|session_min_len|session_min_length|min_len|"
     "min_seq_len|min_seq_length|min_user_inter|min_user_inter_num|"
     "user_inter_num_interval|min_events|min_clicks",
     BOTH, "min_length", NULL},
    {"gap|timeout|session_timeout|session_time|inactivity|session_pause|pause|max_gap|"
     "session_threshold|idle",
     BOTH, "session_gap", NULL},
    {"drop_repeats|remove_repeats|dedup|deduplicate|remove_duplicates|drop_duplicates|"
     "rm_dup_inter|collapse|unique",
     BOTH, "collapse_repeats", NULL},
    {"from|start|start_date|start_time|date_from|time_from|from_date|from_time|min_time|"
     "min_date|after|begin|train_start",
     BOTH, "since", NULL},
    {"to|end|end_date|end_time|date_to|time_to|to_date|to_time|max_time|max_date|before|"
     "train_end",
     BOTH, "until", NULL},
    {"session_key|session_id|sessionid|session_col|session_column|session_field|"
     "session_id_field|user|user_id|userid|user_key|user_col|user_column|user_field|"
     "user_id_field|uid|visitor|visitor_id|customer|customer_id|group|basket|basket_id",
     BOTH, "session", NULL},
    {"item_key|item_id|itemid|item_col|item_column|item_field|item_id_field|iid|product|"
     "product_id|article|article_id|sku|product_col",
     BOTH, "item", NULL},
    {"time_key|time_col|time_column|time_field|timestamp|timestamp_key|timestamp_col|"
     "timestamp_column|timestamp_field|ts|date|datetime|date_col|created_at|event_time",
     BOTH, "time", NULL},
    {"order_by|order_key|order_col|order_column|sort|sort_by|tie_breaker|tiebreaker|"
     "position|seq",
     BOTH, "order", NULL},
    {SOURCE, TRAIN, NULL,
     "the source of events is an argument of its own: gru4rec_train('rec', 'clicks'), or "
     "the first one of CREATE VIRTUAL TABLE rec USING gru4rec(clicks, ...); only "
     "gru4rec_configure() takes it as source"},
    {SOURCE, EVALUATE, NULL,
     "the source of events is an argument of its own: gru4rec_evaluate('rec', 'clicks')"},

    /* ---- serving and evaluation ---- */
    {"memory|mem|mem_limit|max_memory|max_mem|ram|ram_limit|memory_budget", BOTH,
     "memory_limit", NULL},
    {"quantization|quantized|quantise|int8|use_int8|uint8", BOTH, "quantize", NULL},
    {"k|ks|n|topk|top_k|topn|top_n|at_k|cutoff|cut_off|cut_offs|n_recommendations|"
     "num_recommendations|list_length",
     EVALUATE, "cutoffs", NULL},
    {"k|ks|n|topk|top_k|topn|top_n|at_k|n_recommendations|num_recommendations|limit|"
     "list_length|cutoff|cut_off|cut_offs",
     TRAIN, NULL,
     "each query gives the length of its list: gru4rec_recommend('rec', history, 10), "
     "or rank <= 10; gru4rec_evaluate() has cutoffs"},
    {SEEN, EVALUATE, "exclude_seen", NULL},
    {SEEN, TRAIN, NULL,
     "each query says whether to leave out the items of the session: "
     "WHERE exclude_seen = 1"},
    {"sample|sampled|sampled_items|n_candidates|num_candidates|candidate_items|"
     "eval_neg_sample|eval_neg_sample_num|eval_negatives|test_negatives|eval_sample|"
     "item_pool",
     EVALUATE, "candidates", NULL},
    {NEGATIVES, EVALUATE, NULL,
     "items are sampled for each target by candidates=sample=100"},
    {"last|last_item|last_event|only_last|last_item_only|leave_one_out|loo", EVALUATE,
     "last_only", NULL},
    {"metric|metrics|measures|eval_metrics|measure", BOTH, NULL,
     "gru4rec_evaluate() gives all measures, for each of its cutoffs"},
    {"eval_args|eval_setting|eval_settings", BOTH, NULL,
     "gru4rec_evaluate() takes cutoffs, mode, candidates and others, each by its name"},
    {"eval_mode|eval_type|tie|ties|tie_mode|tie_breaking|ranking_mode", BOTH, "mode",
     NULL},
    {"baseline|methods|compare_with", BOTH, "baselines", NULL},
    {"weighting", EVALUATE, "vs_knn_weighting", NULL},
    {"weighting_score", EVALUATE, "vs_knn_weighting_score", NULL},
    {"idf|idf_weighting", EVALUATE, "vs_knn_idf_weighting", NULL},
    {"similarity", EVALUATE, "vs_knn_similarity", NULL},
    {"pruning", EVALUATE, "markov_pruning|sequential_rules_pruning", NULL},
    {"lambda_spw", EVALUATE, "stan_lambda_spw", NULL},
    {"lambda_snh", EVALUATE, "stan_lambda_snh", NULL},
    {"lambda_inh", EVALUATE, "stan_lambda_inh", NULL},
    {"config|config_file|parameters|params|parameter_set|param_set|hyperparameters|ps|"
     "pf",
     BOTH, "preset", NULL},
};

/* Tells whether c is a character of a name that counts: not _, -, . or a space. */
static bool is_letter(char c)
{
    return c != '_' && c != '-' && c != ' ' && c != '.';
}

/*
 * Tells whether name is word (length bytes, in lower case), if the case of name and the
 * characters _ - . and space in both are ignored.
 */
static bool is_same(const char *word, size_t length, const char *name)
{
    const char *end = word + length;
    for (;; word++, name++) {
        while (word < end && !is_letter(*word))
            word++;
        while (*name && !is_letter(*name))
            name++;
        if (word == end || *name == '\0')
            return word == end && *name == '\0';
        if (*word != tolower((unsigned char)*name))
            return false;
    }
}

int g4r_synonyms_distance(const char *name, const char *word, size_t length)
{
    enum { MOST = 32 };
    int row[MOST + 1];
    const int n = (int)length;
    if (n > MOST || strlen(name) > MOST)
        return MOST;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; name[i - 1]; i++) {
        int corner = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int change = corner + (tolower((unsigned char)name[i - 1]) != word[j - 1]);
            corner = row[j];
            row[j] = G4R_MIN(change, G4R_MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

/*
 * Returns how far name is from word (length bytes): 0 if they are the same (is_same());
 * otherwise the number of edits, if it is at most 2 and word has more than 4 letters;
 * otherwise INT_MAX, because that is no typing error.
 */
static int edits_of(const char *name, const char *word, size_t length)
{
    enum { SHORT = 4, MOST = 2 };
    if (is_same(word, length, name))
        return 0;
    const int edits =
        length > SHORT ? g4r_synonyms_distance(name, word, length) : MOST + 1;
    return edits <= MOST ? edits : INT_MAX;
}

const g4r_synonym *g4r_synonyms_find(const char *name, gru4rec_option_scope scope,
                                     int below)
{
    const g4r_synonym *found = NULL, *one;
    for (size_t i = 0; (one = g4r_synonyms_get(i)) != NULL; i++)
        for (const char *word = one->words; (one->scope & scope) != 0 && *word;) {
            const size_t length = strcspn(word, "|");
            const int edits = edits_of(name, word, length);
            if (edits < below || edits == 0) {
                found = one;
                below = edits;
            }
            word += length + (word[length] == '|');
        }
    return found;
}

const g4r_synonym *g4r_synonyms_get(size_t index)
{
    return index < sizeof table / sizeof *table ? &table[index] : NULL;
}
