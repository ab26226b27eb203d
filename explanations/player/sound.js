// The AudioContext that all players of a page share; one of them plays at a time.

let shared = null;
let current = null;

/** The audio context, made at the first click: before that, browsers keep it silent. */
export function sharedContext(sampleRate) {
  if (!shared || shared.state === "closed") {
    try {
      // At the stems' own rate nothing is resampled before the last step.
      shared = new AudioContext({ sampleRate });
    } catch {
      shared = new AudioContext(); // a browser with a fixed rate resamples the stems
    }
  }
  return shared;
}

/** Resume a context; call it inside a click or key handler. */
export async function wake(context) {
  clearTimeout(context.sleepTimer);
  if (context.state === "running") return;
  let timer;
  const tooLate = new Promise((_, reject) => {
    const words = "The sound does not start: is a loudspeaker or headphone connected?";
    timer = setTimeout(() => reject(new Error(words)), 5000);
  });
  await Promise.race([context.resume(), tooLate]).finally(() => clearTimeout(timer));
}

/** Suspend a context that plays nothing: it would keep the sound card and a core busy. */
export function sleepSoon(context) {
  clearTimeout(context.sleepTimer);
  context.sleepTimer = setTimeout(() => context.suspend?.(), 500);
}

/** Make a player the one that sounds, and stop the previous one. */
export function takeSound(owner, stop) {
  if (current && current.owner !== owner) current.stop();
  current = { owner, stop };
}
