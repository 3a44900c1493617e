-- gate.sql: the exam of night @day: how well the version that serves, and the candidate, guess the clicks of the evening.
--
-- The figures are read first, and written down afterwards: who writes while it measures keeps other writers waiting.

CREATE TEMP TABLE figures AS
SELECT 'active' AS version, mrr, events FROM gru4rec_evaluate('rec', 'exam', 'cutoffs=20,version=active') WHERE method = 'gru4rec'
UNION ALL
SELECT 'newest', mrr, events FROM gru4rec_evaluate('rec', 'exam', 'cutoffs=20,version=newest') WHERE method = 'gru4rec';

-- By the sum of 1/rank, not by its mean: who knows more items has more clicks to guess, and those are the harder ones.
UPDATE night
SET (active_mrr, active_targets) = (SELECT mrr, events FROM figures WHERE version = 'active'),
    (candidate_mrr, candidate_targets) = (SELECT mrr, events FROM figures WHERE version = 'newest'),
    decision = (SELECT iif(newest.mrr * newest.events >= active.mrr * active.events, 'deployed', 'kept')
                FROM figures AS newest, figures AS active WHERE newest.version = 'newest' AND active.version = 'active')
WHERE day = @day;
