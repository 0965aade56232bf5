/** Progress of the lab's preparation, on stderr: stdout is the command's. */

/** @param {string} line of news */
export const say = (line) => process.stderr.write(`lab: ${line}\n`);

/** @param {number} sinceMs of performance.now() @returns {string} for people: "7.2 s", "4 min 54 s" */
export function elapsed(sinceMs) {
  const seconds = (performance.now() - sinceMs) / 1000;
  return seconds < 100 ? `${seconds.toFixed(1)} s` : `${String(Math.floor(seconds / 60))} min ${String(Math.floor(seconds % 60))} s`;
}

/**
 * @template T
 * @param {string} label what is done, for people
 * @param {() => Promise<T> | T} work does it
 * @returns {Promise<T>} its result
 */
export async function timedStep(label, work) {
  const started = performance.now();
  process.stderr.write(`lab: ${label} ... `);
  try {
    const result = await work();
    process.stderr.write(`${elapsed(started)}\n`);
    return result;
  } catch (error) {
    process.stderr.write('failed\n');
    throw error;
  }
}
