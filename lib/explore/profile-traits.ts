/** What a world has to know of a proposal besides its model: which bits there are, and in which order they are cleared. */
import { AsyncPfUserfaultModel, StockPage, TwoBit, UAPI_PROFILES, type ModelShape, type ProposalModel, type UapiName } from '../uapi/proposals/index.js';
import type { Bug } from './world-config.js';

/** What a resolver does in one step. `clear-async`, `clear-sync`: one of two bits. `ready`: the completion. */
export type ResolverStep = 'data' | 'clear' | 'clear-async' | 'clear-sync' | 'install' | 'ready';

/** See the module's comment. */
export interface ProfileTraits {
  /** Interception bits of a page that is to become an async page fault, where the proposal has those. */
  readonly asyncBits: number;
  /** How a page becomes accessible, in order, before the completion. */
  readonly steps: readonly ResolverStep[];
  /** KVM itself asks for the page of a fault, and completes it. */
  readonly byWorker: boolean;
  /** Interception has two bits: 1 for S, 2 for A. */
  readonly twoBits: boolean;
  readonly createModel: (shape: ModelShape, sharedPages: readonly Int32Array[]) => ProposalModel;
}

/** The traits of a profile. */
export function profileTraits(uapi: UapiName): ProfileTraits {
  const createModel = (shape: ModelShape): ProposalModel => UAPI_PROFILES[uapi].createModel(shape);
  switch (uapi) {
    case 'stock':
      // UFFDIO_COPY: nobody sees the page before all of it is there.
      return { asyncBits: StockPage.SLEEPS, steps: ['install'], byWorker: true, twoBits: false, createModel };
    case 'userfault':
    case 'async-pf-user-2024':
      return { asyncBits: 1, steps: ['data', 'clear'], byWorker: false, twoBits: false, createModel };
    case 'async-pf-userfault-2026':
      return { asyncBits: 1, steps: ['data', 'clear'], byWorker: false, twoBits: false, createModel: (shape, pages) => new AsyncPfUserfaultModel(shape, undefined, pages) };
    case 'sync-async-2bit':
      return { asyncBits: TwoBit.ASYNC, steps: ['data', 'clear-async', 'clear-sync'], byWorker: false, twoBits: true, createModel };
  }
}

/** A resolver's steps, with the mistakes that it makes. */
export function resolverSteps({ steps }: ProfileTraits, bugs: ReadonlySet<Bug>): readonly ResolverStep[] {
  const isClear = (step: ResolverStep): boolean => step.startsWith('clear');
  let order: ResolverStep[] = [...steps, 'ready'];
  if (bugs.has('clear-before-data')) order = [...order.filter(isClear), ...order.filter((step) => !isClear(step))];
  if (bugs.has('ready-before-clear')) order = [...order.filter((step) => !isClear(step)), ...order.filter(isClear)];
  if (bugs.has('never-clear')) order = order.filter((step) => !isClear(step));
  if (bugs.has('never-ready')) order = order.filter((step) => step !== 'ready');
  return order;
}
