/**
 * Which lost accesses are told to the guest. KVM tells the VMM what was accessed and how; what the guest hears of it is the VMM's decision alone, and does not depend on whether
 * the guest has enabled async page faults. A failure of the host's own (a mapping that it protected, a disk of its own that fails, a bug) is none of the
 * guest's business: the VM ends with a report of it. What may be told is what the owner of the memory said could happen to it.
 *
 * No I/O here.
 */
import type { LostAccess } from '../faults/index.js';

/** The causes that an owner can speak of. Others are the host's own doing, or not known: never told. */
export const DECLARABLE_CAUSES = ['truncated', 'io-error', 'poison'] as const;
/** One of {@link DECLARABLE_CAUSES}. */
export type DeclarableCause = (typeof DECLARABLE_CAUSES)[number];

/** What the owner of some memory says may happen to it without anything being wrong with the host. Bytes of the window. */
export interface RecoverableMemory {
  readonly offset: number;
  readonly lengthBytes: number;
  readonly causes: readonly DeclarableCause[];
  /** Whether the guest's kernel is ready for it too (an exception table, say), or its tasks alone. */
  readonly kernel: boolean;
  /** The owner can be asked to bring it back. */
  readonly comesBack: boolean;
}

/** What a policy looks at. */
export interface LossFacts extends Pick<LostAccess, 'access' | 'cause' | 'cpl'> {
  /** Byte of the window. */
  readonly offset: number;
  /** Why a #VE cannot be delivered now; null where it can. */
  readonly refusal: string | null;
}

/** What becomes of a lost access. */
export type Reflection =
  /** The guest is told: of the page by #VE, or of memory that broke by machine check. */
  | { readonly kind: 'reflect'; readonly as: 've' | 'mce'; readonly recoverable: boolean }
  /** The VM ends: `why`, for the report. */
  | { readonly kind: 'end'; readonly why: string };

/** Decides about one lost access. Pure. */
export type ReflectPolicy = (loss: LossFacts, declared: readonly RecoverableMemory[]) => Reflection;

const end = (why: string): Reflection => ({ kind: 'end', why });

/** The default: only what an owner declared, to whom it was declared, and only when it can be told. */
export const reflectDeclared: ReflectPolicy = ({ access, cause, cpl, offset, refusal }, declared) => {
  if (!isDeclarable(cause)) return end(cause === 'protection' ? 'the host took the permission away itself' : 'nobody knows why');
  const owner = declared.find((memory) => offset >= memory.offset && offset < memory.offset + memory.lengthBytes && memory.causes.includes(cause));
  if (owner === undefined) return end('nobody declared this memory recoverable from that');
  if (cpl === 0 && !owner.kernel) return end('it was declared recoverable for tasks, not for the guest\'s kernel');
  // A bank has no access type, and marks the page bad: right for data that is gone, wrong for everything else.
  if (cause === 'poison' && access === 'load') return { kind: 'reflect', as: 'mce', recoverable: false };
  if (refusal !== null) return end(`the guest cannot be told: ${refusal}`);
  return { kind: 'reflect', as: 've', recoverable: owner.comesBack };
};

function isDeclarable(cause: LostAccess['cause']): cause is DeclarableCause {
  return (DECLARABLE_CAUSES as readonly string[]).includes(cause);
}
