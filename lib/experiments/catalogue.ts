/** The sixteen questions and the scenarios: those with an experiment, and those for later. */
import type { Experiment, LaterQuestion } from './frame/experiment.js';
import { delivery } from './delivery/index.js';
import { history } from './history/index.js';
import { q1 } from './q1-spurious-pair/index.js';
import { q2 } from './q2-two-bits/index.js';
import { q3 } from './q3-race-rate/index.js';
import { q4 } from './q4-who-decides/index.js';
import { q5 } from './q5-exitless/index.js';
import { q6 } from './q6-completion-key/index.js';
import { q7 } from './q7-flood/index.js';
import { q11 } from './q11-kernel-accesses/index.js';
import { q12 } from './q12-error-outcome/index.js';
import { q13 } from './q13-interruptibility/index.js';
import { q14 } from './q14-restore/index.js';
import { q16 } from './q16-ordering/index.js';
import { truncate } from './truncate/index.js';

/** Experiments, in the order of their questions. */
export const EXPERIMENTS: readonly Experiment[] = [q1, q2, q3, q4, q5, q6, q7, q11, q12, q13, q14, q16, truncate, history, delivery];

/** Questions without an experiment yet. */
export const LATER_QUESTIONS: readonly LaterQuestion[] = [
  { id: 'q8', question: 'Which share of faults can the guest be told of (CPL above 0, interrupts on, no shadow, nothing pending), and what does a synthetic halt save over exit and block for the rest?' },
  { id: 'q9', question: 'How does userfaultfd scale: one for all or one a vCPU, with 1 to N readers, against exits with a bitmap and async page faults?' },
  { id: 'q10', question: 'What do zapping on enable and 4 KiB mappings cost: by slot size, while enabled, and until huge pages are back?' },
  { id: 'q15', question: 'What is left for guests whose state KVM cannot touch, where no #PF can be injected: the halt alone?' },
];
