/** `ok`: as it should be. `warn`: something is absent that no mode of this version needs. `missing`: a mode needs it. */
export type CheckStatus = 'ok' | 'warn' | 'missing';

/** One line of the doctor's report. */
export interface Check {
  /** Stable, for scripts: `cap-async-pf`. */
  readonly id: string;
  readonly title: string;
  readonly status: CheckStatus;
  /** What is there. */
  readonly found: string;
  /** What it is for, or what its absence means. */
  readonly meaning: string;
  /** What to do; present unless the status is `ok`. */
  readonly remedy?: string;
}
