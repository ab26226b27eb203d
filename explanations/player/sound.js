// The page's one way to sound: an AudioContext that all players share, one of them at a time.

let shared = null;
let current = null;

/** The audio context, made at the first click (before that, browsers keep it silent). */
export function sharedContext(sampleRate) {
  if (!shared || shared.state === "closed") {
    try {
      // At the stems' own rate nothing is resampled before the very last step.
      shared = new AudioContext({ sampleRate });
    } catch {
      shared = new AudioContext(); // a browser that insists on its rate resamples the stems
    }
  }
  return shared;
}

/** Wake a context up; call it inside a click or key handler. */
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

/** Let a context that plays nothing sleep: it would keep the sound card and a core busy. */
export function sleepSoon(context) {
  clearTimeout(context.sleepTimer);
  context.sleepTimer = setTimeout(() => context.suspend?.(), 500);
}

/** Take the sound: whoever had it is asked to stop. */
export function takeSound(owner, stop) {
  if (current && current.owner !== owner) current.stop();
  current = { owner, stop };
}
