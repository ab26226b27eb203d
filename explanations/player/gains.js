// The gain of a stem over time: 1 while its component is on, 0 while it is off.
//
// A hard step clicks, so a stem fades over FADE_S where it begins and where it ends. The fades
// lie inside the component that is on, so that nothing of one that is off is heard.
// explanations/explain/playback.py mixes the same in NumPy, and a test holds the two together.

export const FADE_S = 0.01;

/**
 * Corner points of a stem's gain over the whole track.
 * @param {ArrayLike<number>} on 0 or 1 for each segment
 * @param {number[][]} segments [start, end) of each segment, in samples, without gaps
 * @param {number} fade length of a fade, in samples
 * @returns {number[][]} [position in samples, gain], positions ascending
 */
export function gainPoints(on, segments, fade) {
  const [begin, finish] = [segments[0][0], segments.at(-1)[1]];
  const points = [[begin, on[0] ? 1 : 0]];
  for (let t = 0; t < segments.length; t += 1) {
    if (!on[t]) continue;
    const start = segments[t][0];
    while (t + 1 < segments.length && on[t + 1]) t += 1;
    const end = segments[t][1];
    // The two fades of a short stretch must not cross, or the curve would run backwards.
    const length = Math.min(fade, Math.floor((end - start - 1) / 2));
    if (start > begin) points.push([start, 0], [start + length, 1]);
    if (end < finish) points.push([end - 1 - length, 1], [end - 1, 0]);
  }
  return points;
}

/** Value at a position of a line through points; constant before the first and after the last. */
export function valueAt(points, position) {
  if (position <= points[0][0]) return points[0][1];
  for (let i = 1; i < points.length; i += 1) {
    const [x1, y1] = points[i];
    if (position <= x1) {
      const [x0, y0] = points[i - 1];
      return x1 === x0 ? y1 : y0 + ((y1 - y0) * (position - x0)) / (x1 - x0);
    }
  }
  return points.at(-1)[1];
}

/** The part of a curve from a position on, starting with its value there. */
export function pointsFrom(points, position) {
  return [[position, valueAt(points, position)], ...points.filter(([x]) => x > position)];
}
