/** The sixteen questions and the scenarios, each with its experiment. */
import type { Experiment } from './frame/experiment.js';
import { delivery } from './delivery/index.js';
import { history } from './history/index.js';
import { q1 } from './q1-spurious-pair/index.js';
import { q2 } from './q2-two-bits/index.js';
import { q3 } from './q3-race-rate/index.js';
import { q4 } from './q4-who-decides/index.js';
import { q5 } from './q5-exitless/index.js';
import { q6 } from './q6-completion-key/index.js';
import { q7 } from './q7-flood/index.js';
import { q8 } from './q8-deliverable/index.js';
import { q9 } from './q9-uffd-scaling/index.js';
import { q10 } from './q10-zapping/index.js';
import { q11 } from './q11-kernel-accesses/index.js';
import { q12 } from './q12-error-outcome/index.js';
import { q13 } from './q13-interruptibility/index.js';
import { q14 } from './q14-restore/index.js';
import { q15 } from './q15-halt-only/index.js';
import { q16 } from './q16-ordering/index.js';
import { truncate } from './truncate/index.js';

/** Experiments, in the order of their questions. */
export const EXPERIMENTS: readonly Experiment[] = [q1, q2, q3, q4, q5, q6, q7, q8, q9, q10, q11, q12, q13, q14, q15, q16, truncate, history, delivery];
