/** Other people's programs in tests. */

/** This process's environment without what a sanitized run loads into every program: theirs may do what a sanitizer ends them for. */
export function foreignEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LD_PRELOAD: undefined };
}
