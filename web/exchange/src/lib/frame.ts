// Work that is done once before the next picture, however often it is asked for: so messages can come faster than the screen draws.
// A page that is not seen draws nothing; then the work is done at longer intervals, so that nothing piles up.

const HIDDEN_INTERVAL_MS = 1_000;

/** A function that asks for the work, and does it at most once a picture and once in `interval_ms`. */
export function perFrame(work: () => void, interval_ms = 0): () => void {
  let isAsked = false;
  let last_ms = -Infinity;
  const run = () => {
    if (performance.now() - last_ms < interval_ms && !document.hidden) {
      requestAnimationFrame(run);
      return;
    }
    isAsked = false;
    last_ms = performance.now();
    work();
  };
  return () => {
    if (isAsked) return;
    isAsked = true;
    if (document.hidden) setTimeout(run, HIDDEN_INTERVAL_MS);
    else requestAnimationFrame(run);
  };
}
