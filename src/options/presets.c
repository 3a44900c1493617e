/*
 * presets.c - the table of presets; see presets.h.
 *
 * "official" has the defaults of the official PyTorch implementation. "recbole" is the
 * model and the training of RecBole; a batch has 512 sessions instead of its 2048
 * prefixes. The others are named after data sets, and have the options that were
 * published for them (paper [2] and arXiv 2307.14956). A name ending in _xe or _bprmax is
 * for the same data set with the other loss.
 */
#include "presets.h"

#include "option.h"

/*
 * The options that all presets of data sets have besides others. XE(rest) and
 * BPRMAX(rest) make the text of such a preset: the loss with its logq, then rest, then
 * SHARED_10.
 */
#define SHARED_10                                                                      \
    ",n_sample=2048,n_epochs=10,constrained_embedding=true,embedding=0,adapt=adagrad," \
    "blend=0"
#define XE(rest) "loss=cross-entropy,logq=1," rest SHARED_10
#define BPRMAX(rest) "loss=bpr-max,logq=0," rest SHARED_10

/*
 * The presets. The order is that of G4R_PRESETS_WORDS, so the index is the value of
 * option preset.
 */
static const struct {
    const char *name;
    /* What the preset sets, as "name=value,name=value". */
    const char *options;
} presets[] = {
    {"none", ""},
    {"official",
     "loss=cross-entropy,layers=100,batch_size=64,dropout_p_embed=0,dropout_p_hidden=0,"
     "learning_rate=0.05,momentum=0,sample_alpha=0.5,bpreg=1,logq=0,"
     "elu_param=0.5" SHARED_10},
    {"recbole",
     "loss=cross-entropy,n_sample=all,logq=0,adapt=adam,learning_rate=0.001,momentum=0,"
     "layers=128,feedforward=64,feedforward_act=linear,constrained_embedding=true,"
     "embedding=0,biases=false,dropout_p_embed=0.3,dropout_p_hidden=0,batch_size=512,"
     "bptt=50,whole_sessions=true,train_random_order=true,n_epochs=300,validation=0.1,"
     "patience=10,blend=0"},
    {"rsc15", XE("layers=100,batch_size=32,dropout_p_embed=0,dropout_p_hidden=0.4,"
                 "learning_rate=0.2,momentum=0.2,sample_alpha=0.5")},
    {"yoochoose", XE("layers=480,batch_size=48,dropout_p_embed=0,dropout_p_hidden=0.2,"
                     "learning_rate=0.07,momentum=0,sample_alpha=0.2")},
    {"rees46", XE("layers=512,batch_size=240,dropout_p_embed=0.45,dropout_p_hidden=0,"
                  "learning_rate=0.065,momentum=0,sample_alpha=0.5")},
    {"coveo", BPRMAX("layers=512,batch_size=144,dropout_p_embed=0.35,dropout_p_hidden=0,"
                     "learning_rate=0.05,momentum=0.4,sample_alpha=0.2,bpreg=1.85,"
                     "elu_param=1")},
    {"retailrocket",
     BPRMAX("layers=224,batch_size=80,dropout_p_embed=0.5,dropout_p_hidden=0.05,"
            "learning_rate=0.05,momentum=0.4,sample_alpha=0.4,bpreg=1.95,elu_param=0.5")},
    {"diginetica",
     BPRMAX("layers=512,batch_size=128,dropout_p_embed=0.5,dropout_p_hidden=0.3,"
            "learning_rate=0.05,momentum=0.15,sample_alpha=0.3,bpreg=0.9,elu_param=1")},
    {"coveo_xe", XE("layers=512,batch_size=32,dropout_p_embed=0.4,dropout_p_hidden=0.15,"
                    "learning_rate=0.03,momentum=0,sample_alpha=0")},
    {"diginetica_xe",
     XE("layers=192,batch_size=128,dropout_p_embed=0.45,dropout_p_hidden=0.15,"
        "learning_rate=0.1,momentum=0,sample_alpha=0")},
    {"retailrocket_xe",
     XE("layers=192,batch_size=240,dropout_p_embed=0.5,dropout_p_hidden=0.05,"
        "learning_rate=0.085,momentum=0.3,sample_alpha=0.3")},
    {"yoochoose_bprmax",
     BPRMAX("layers=448,batch_size=48,dropout_p_embed=0.25,dropout_p_hidden=0,"
            "learning_rate=0.075,momentum=0.1,sample_alpha=0.2,bpreg=0.5,elu_param=0")},
    {"rees46_bprmax",
     BPRMAX(
         "layers=512,batch_size=32,dropout_p_embed=0.1,dropout_p_hidden=0,"
         "learning_rate=0.03,momentum=0.55,sample_alpha=0.2,bpreg=0.75,elu_param=0.5")},
};

const char *g4r_presets_options(int64_t index)
{
    assert(g4r_option_word_index(G4R_PRESETS_WORDS, presets[index].name) == (int)index);
    return presets[index].options;
}
