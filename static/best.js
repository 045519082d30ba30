// Which of several scores is the best, and which cannot be told from it.

/**
 * The scores that lie within the highest one's standard error of it, itself among them: to call one of these the best
 * would be to read a difference into chance. `scores`: `{log_likelihood, standard_error}`, or null where there is none.
 */
export function bestOf(scores) {
  const known = scores.filter((score) => Number.isFinite(score?.log_likelihood));
  if (known.length === 0) return new Set();
  const highest = known.reduce((best, score) => (score.log_likelihood > best.log_likelihood ? score : best));
  const least = highest.log_likelihood - (highest.standard_error ?? 0);
  return new Set(known.filter((score) => score.log_likelihood >= least));
}

/** What marks each of the best. */
export function bestWord(best) {
  return best.size === 1 ? "best" : "best within error";
}
