/**
 * Wrong kernels: each is the project's own with one thing changed, in the compiled text of a model or of the emulation around it, and the cases that must
 * notice. Cases that ask nothing of a model cannot be satisfied by one that is wrong in the same way.
 */

/** One wrong kernel. */
export interface Mutation {
  /** What it does. */
  readonly what: string;
  /** Compiled module, from dist/lib. */
  readonly file: string;
  /** Texts that are there exactly once, and what stands there instead. */
  readonly edits: readonly (readonly [original: string, replacement: string])[];
  /** Rules whose cases fail on it. */
  readonly kills: readonly string[];
}

const QUEUE = 'uapi/proposals/apf-queue.js';
const SLOT = 'uapi/proposals/slot-model.js';
const BASE = 'uapi/proposals/proposal-model.js';
const REGION = 'uapi/proposals/userfault/region.js';
const STOCK = 'uapi/proposals/stock/model.js';
const USERFAULT = 'uapi/proposals/userfault/model.js';
const RFC = 'uapi/proposals/async-pf-user-2024/model.js';
const I4 = 'uapi/proposals/async-pf-userfault-2026/model.js';
const PAGE = 'uapi/proposals/async-pf-userfault-2026/shared-page.js';
const TWO_BITS = 'uapi/proposals/sync-async-2bit/model.js';
const BITMAP = 'conform/targets/emulated/interception-bitmap.js';
const VCPU = 'conform/targets/emulated/emulated-vcpu.js';

function mutation(file: string, what: string, original: string, replacement: string, kills: string): Mutation {
  return { what, file, edits: [[original, replacement]], kills: kills.split(' ') };
}

const queue: readonly Mutation[] = [
  mutation(QUEUE, 'one of the two enabling bits is enough', '& ENABLING_BITS) === ENABLING_BITS;', '& ENABLING_BITS) !== 0;', 'st-04'),
  mutation(QUEUE, 'a vCPU with interrupts off can have async page faults', 'return context.interruptsEnabled && ', 'return ', 'st-07 st-20 u24-05 u26-06 2b-08'),
  mutation(QUEUE, 'HLT in the guest does not matter', '(!this.hltInGuest || this.canDeliver(context))', 'true', 'u26-07'),
  mutation(QUEUE, 'a guest is told at CPL 0 that did not ask for it', 'context.cpl > 0 || ', 'true || ', 'st-05'),
  mutation(QUEUE, 'a guest is told that enabled nothing', 'return this.enabled && (context.cpl', 'return (context.cpl', 'st-06 u24-04 u26-05 u26-48 2b-07'),
  mutation(QUEUE, 'no page has an async page fault already', 'this.page(slot) === page)', 'this.page(slot) === page && page > 99)', 'st-08 u24-07 u26-09 2b-10'),
  mutation(QUEUE, 'a 65th is outstanding', 'this.outstanding >= this.capacity', 'this.outstanding > this.capacity', 'st-09 u24-16 u26-11 2b-09'),
  mutation(QUEUE, 'a token has no vCPU in it', 'apfToken(this.words[SEQUENCE], this.vcpuId)', 'apfToken(this.words[SEQUENCE], 0)', 'st-03 u24-03'),
  mutation(QUEUE, 'ready events do not wait for the token word', '(this.enabled && !tokenWordIsFree)', 'false', 'st-12 u24-19 u26-20 u26-40 2b-29'),
  mutation(QUEUE, 'ready events come in the order of faults', 'if (this.order(slot) === 1)', 'if (this.order(slot) > 0)', 'st-13'),
  mutation(QUEUE, 'ready events come for faults that the guest was not told of', 'this.enabled && (this.isInjected(slot) || this.isWakeAll(slot))', 'this.enabled', 'st-11 u26-19'),
  mutation(QUEUE, 'enabling wakes nobody', "this.wakeAll();\n            return { kind: 'enabled'", "return { kind: 'enabled'", 'st-14 u24-20 u26-21'),
  mutation(QUEUE, 'wake-all comes after a fault that is completed', 'if (this.hasCompleted)\n            return;\n        const slot = this.add(NO_PAGE', 'const slot = this.add(NO_PAGE', 'st-15'),
  mutation(QUEUE, 'disabling forgets nothing', "this.cancelAll();\n        return { kind: 'disabled' }", "return { kind: 'disabled' }", 'st-16 u24-18 u26-22 u26-60 2b-26'),
  mutation(QUEUE, 'reserved bits do not matter', 'if ((low & KVM_ASYNC_PF_RESERVED) !== 0)', 'if (low < 0)', 'st-17'),
  mutation(QUEUE, 'vectors of nine bits are taken', '(low & ~KVM_ASYNC_PF_VEC_MASK) !== 0', 'false', 'st-17'),
  mutation(QUEUE, 'any area is taken', '|| !areaIsValid(areaGpa)', '', 'st-18'),
  mutation(QUEUE, 'the vector reads as 0', 'return BigInt(this.words[VECTOR]);', 'return 0n;', 'st-19'),
  mutation(QUEUE, 'a reset leaves the MSR', 'reset() {\n        this.words[ENABLE_LOW] = 0;', 'reset() {', 'st-23'),
  mutation(QUEUE, 'a reset forgets nothing', 'this.words[VECTOR] = 0;\n        this.cancelAll();', 'this.words[VECTOR] = 0;', 'u26-23'),
];

const stock: readonly Mutation[] = [
  mutation(STOCK, 'a page that is there is an async page fault', 'if (bits === StockPage.PRESENT)', 'if (bits < 0)', 'st-01'),
  mutation(STOCK, 'CR2 is not the token', 'this.answer(0, 0, queue.token(slot), false);', 'this.answer(0, 0, queue.token(slot) + 0x1000, false);', 'st-02'),
  mutation(STOCK, 'nobody is told that the page is there', 'queue.complete(slot);', '', 'st-10'),
  mutation(STOCK, 'a page that cannot be had is slept for', 'FaultAction.WAIT : FaultAction.BARE_EFAULT', 'FaultAction.WAIT : FaultAction.WAIT', 'st-20'),
  mutation(STOCK, 'a page that cannot be had fails at once', 'if (!prefetch && queue', 'if (!prefetch && bits === StockPage.SLEEPS && queue', 'st-21'),
  mutation(STOCK, 'a prefetch makes an async page fault', 'if (!prefetch && queue', 'if (queue', 'st-22'),
];

const userfault: readonly Mutation[] = [
  mutation(USERFAULT, 'the capability can be enabled', 'return EINVAL;', 'return 0;', 'uf-01'),
  mutation(USERFAULT, 'the exit has no flag', 'this.answer(KVM_MEMORY_EXIT_FLAG_USERFAULT, 0, 0, false);', 'this.answer(0, 0, 0, false);', 'uf-02'),
  mutation(USERFAULT, 'pages that are not marked exit', 'bits === 0 ? FaultAction.MAP', 'bits < 0 ? FaultAction.MAP', 'uf-03 uf-08'),
  mutation(BITMAP, 'one word has the bits of all pages', 'this.words[Math.floor(bit / BITS_PER_WORD)]', 'this.words[0]', 'uf-04'),
  mutation(VCPU, 'the exit says that a write was one', 'flags: model.flags,', 'flags: model.flags | (page === 1 ? 8 : 0),', 'uf-05'),
  mutation(BITMAP, 'KVM clears the bit', 'return Number((word', 'this.words[0] = 0n;\n        return Number((word', 'uf-06 uf-07'),
  mutation(SLOT, 'no page stays mapped', '(1 << (page & 31))) !== 0;', '(1 << (page & 31))) < -1;', 'uf-09 2b-23'),
  mutation(SLOT, 'enabling zaps nothing', 'this.words.fill(0, MAPPED);', '', 'uf-10 2b-23'),
  mutation(SLOT, 'the same flags zap', 'const zaps = !this.intercepting && (flags', 'const zaps = (flags', 'uf-11'),
  mutation(BASE, 'bits count with the flag off', 'this.slotFlags === 0 || this.slot.intercepting ? bits : 0', 'bits', 'uf-12'),
  mutation(REGION, 'any address is taken', '> USER_ADDRESSES_END ? EINVAL : 0', '> USER_ADDRESSES_END ? 0 : 0', 'uf-13 2b-20'),
  mutation(REGION, 'only the first word must be in user space', 'BigInt(userfaultBitmapBytes(pages)) > USER', '8n > USER', 'uf-13 2b-20'),
  mutation(USERFAULT, 'a bitmap that cannot be read marks all', 'return FaultAction.BARE_EFAULT;', 'return FaultAction.EXIT;', 'uf-14'),
  mutation(USERFAULT, 'only one vCPU exits', 'return bits === 0 ?', 'return bits === 0 || _vcpu === 1 ?', 'uf-15 uf-16'),
  mutation(USERFAULT, 'the guest is told', 'return bits === 0 ?', 'this.injected = bits !== 0 && this.queues[_vcpu].enabled ? 0x1000 : 0;\n        return bits === 0 ?', 'uf-17'),
  mutation(USERFAULT, 'a vCPU with interrupts off does not exit', 'return bits === 0 ?', 'return bits === 0 || !arguments[3].interruptsEnabled ?', 'uf-18'),
  mutation(USERFAULT, 'a prefetch maps', 'return bits === 0 ?', 'return bits === 0 || arguments[4] === true ?', 'uf-19'),
];

const rfc: readonly Mutation[] = [
  mutation(RFC, 'the exit has no token', ', token, token, false);', ', 0, token, false);', 'u24-01'),
  mutation(RFC, 'the guest is not told', ', token, token, false);', ', token, 0, false);', 'u24-02'),
  mutation(RFC, 'pages that are not marked exit', 'if (bits === 0)', 'if (bits === 7)', 'u24-06'),
  mutation(RFC, 'tokens are looked up on vCPU 0', 'const queue = this.queues[vcpu];\n        const slot = queue.findToken(token);', 'const queue = this.queues[0];\n        const slot = queue.findToken(token);', 'u24-08 u24-12'),
  mutation(RFC, 'READY completes nothing', 'queue.complete(slot);', '', 'u24-09 u24-10'),
  mutation(RFC, 'any token will do', 'if (slot < 0 ||', 'if (slot < 0)\n            return 0;\n        if (', 'u24-11'),
  mutation(RFC, 'READY may be said twice', '|| queue.state(slot) === ItemState.COMPLETED', '', 'u24-13'),
  mutation(RFC, 'any process may say READY', 'return EIO;', 'return 0;', 'u24-14'),
  mutation(RFC, 'an argument that cannot be read is a wrong one', 'pointerIsBad ? EFAULT', 'pointerIsBad ? EINVAL', 'u24-15'),
  mutation(RFC, 'a fault is completed from the start', 'const token = queue.token(slot);', 'const token = queue.token(slot);\n        queue.complete(slot);', 'u24-17'),
  mutation(RFC, 'a prefetch makes an async page fault', 'if (prefetch || ', 'if (', 'u24-21'),
];

const i4Faults: readonly Mutation[] = [
  mutation(I4, 'only args[0] is looked at', 'args.slice(1).some((arg) => arg !== 0)', 'false', 'u26-01'),
  mutation(I4, 'the capability need not be enabled', 'if (!this.isEnabled(vcpu) || prefetch', 'if (prefetch', 'u26-02'),
  mutation(I4, 'the exit has bit 4 only', 'this.answer(APF_FLAGS, 0, injected, false);', 'this.answer(16, 0, injected, false);', 'u26-03'),
  mutation(I4, 'the guest is not told', 'this.answer(APF_FLAGS, 0, injected, false);', 'this.answer(APF_FLAGS, 0, 0, false);', 'u26-04'),
  mutation(I4, 'a prefetch makes an async page fault', '|| prefetch ||', '||', 'u26-08'),
  mutation(I4, 'faults are looked up on vCPU 0', 'page < 0 ? -1 : this.queues[vcpu]', 'page < 0 ? -1 : this.queues[0]', 'u26-10'),
  mutation(I4, 'ACCEPT accepts nothing', 'if (queue.state(slot) === ItemState.PENDING)\n            queue.setState(slot, ItemState.ACCEPTED);\n', '', 'u26-12'),
  mutation(I4, 'READY completes nothing', 'queue.complete(slot);\n        return 0;', 'return 0;', 'u26-13'),
  mutation(I4, 'READY completes accepted faults only', 'if (queue.state(slot) === ItemState.COMPLETED)', 'if (queue.state(slot) !== ItemState.ACCEPTED)', 'u26-14'),
  mutation(I4, 're-entry completes nothing', 'if (queue.state(slot) === ItemState.PENDING)\n                queue.complete(slot);', ';', 'u26-15 u26-16'),
  mutation(I4, 'ACCEPT may be said once', 'if (queue.state(slot) === ItemState.PENDING)\n            queue.setState', 'if (queue.state(slot) !== ItemState.PENDING)\n            return EALREADY;\n        queue.setState', 'u26-17'),
  mutation(I4, 'READY of another thread is lost', 'ready(vcpu, page) {\n        return this.complete(vcpu, page);', 'ready() {\n        return 0;', 'u26-18'),
];

const i4Requests: readonly Mutation[] = [
  mutation(I4, 'flags do not matter', 'if (flags !== 0 || reserved || ', 'if (reserved || ', 'u26-26'),
  mutation(I4, 'reserved words do not matter', 'if (flags !== 0 || reserved || ', 'if (flags !== 0 || ', 'u26-26'),
  mutation(I4, 'any byte of the page will do', 'reserved || !isPageAligned(gpa))', 'reserved)', 'u26-27'),
  mutation(I4, 'every other operation is READY', 'op === KVM_APF_OP_READY ? this.complete(vcpu, page) : EINVAL', 'this.complete(vcpu, page)', 'u26-28'),
  mutation(I4, 'READY of a page without a fault succeeds', 'return ENOENT;\n        if (queue.state(slot) === ItemState.COMPLETED)', 'return 0;\n        if (queue.state(slot) === ItemState.COMPLETED)', 'u26-29'),
  mutation(I4, 'READY may be said twice', 'return EALREADY;', 'return 0;', 'u26-30'),
  mutation(I4, 'an argument that cannot be read is a wrong one', 'if (pointerIsBad)\n            return EFAULT;', 'if (pointerIsBad)\n            return EINVAL;', 'u26-31'),
  mutation(I4, 'any process may say READY', 'return EIO;', 'return 0;', 'u26-32'),
  mutation(I4, 'a vCPU without the capability has no such request', 'const page = pageOf(this.shape, gpa);', 'if (!this.isEnabled(vcpu))\n            return EINVAL;\n        const page = pageOf(this.shape, gpa);', 'u26-33'),
  mutation(I4, 'flags do not matter to KVM_SET_APF_EVENTFD', '(eventfds.flags ?? 0) !== 0 || ', '', 'u26-35'),
  mutation(I4, 'padding and reserved words do not matter', 'eventfds.reserved === true || ', '', 'u26-35'),
  mutation(I4, 'every negative fd takes the rings away', ' || fd < -1)', ')', 'u26-36'),
  mutation(I4, 'one descriptor can be both', 'if (fd === completeFd)', 'if (fd < 0)', 'u26-37'),
  mutation(I4, 'descriptors need not be open', ' || eventfds.fdIsClosed === true)', ')', 'u26-38'),
  mutation(I4, 'faults outstanding do not matter', 'queue.outstanding > 0 || ', '', 'u26-39 u26-40'),
  mutation(I4, 'a completion eventfd can be of two vCPUs', 'eventfds.completionTaken === true', 'fd < 0', 'u26-41'),
  mutation(I4, '-1 leaves the rings', 'queue.own[RINGS] = registers ? 1 : 0;', 'queue.own[RINGS] = 1;', 'u26-42'),
  mutation(I4, 'an argument of KVM_SET_APF_EVENTFD that cannot be read is a wrong one', 'if (eventfds.pointerIsBad === true)\n            return EFAULT;', 'if (eventfds.pointerIsBad === true)\n            return EINVAL;', 'u26-43'),
];

const i4Rings: readonly Mutation[] = [
  mutation(PAGE, 'rings of 32', 'this.store(RING_SIZE, this.entries);', 'this.store(RING_SIZE, 32);', 'u26-44'),
  mutation(PAGE, 'registering again keeps the page', 'this.words.fill(0, 0, SHARED_PAGE_WORDS);', '', 'u26-45'),
  mutation(I4, 'entries have no flags', 'gpaOf(this.shape, page), APF_FLAGS);', 'gpaOf(this.shape, page), 0);', 'u26-46'),
  mutation(I4, 'faults on the ring are not accepted', 'queue.setState(slot, ItemState.ACCEPTED);\n        this.answer(', 'this.answer(', 'u26-47'),
  mutation(I4, 'a guest that cannot be told is an exit in spite of rings', 'FaultAction.CONTINUE : this.halt(vcpu)', 'FaultAction.CONTINUE : FaultAction.EXIT', 'u26-48'),
  mutation(PAGE, 'every fault is signalled', 'return (Atomics.and(this.words, FLAGS, ~KVM_APF_SHARED_FLAG_NOTIFY_ARMED) & KVM_APF_SHARED_FLAG_NOTIFY_ARMED) !== 0;', 'Atomics.and(this.words, FLAGS, 0);\n        return true;', 'u26-49'),
  mutation(PAGE, 'NOTIFY_ARMED stays', 'Atomics.and(this.words, FLAGS, ~KVM_APF_SHARED_FLAG_NOTIFY_ARMED) &', 'Atomics.load(this.words, FLAGS) &', 'u26-49'),
  mutation(PAGE, 'the notification ring is never full', 'return (head - this.load(NOTIFY_TAIL)) >>> 0 >= this.entries;', 'return false;', 'u26-50 u26-52'),
  mutation(PAGE, 'KVM goes on where user space says', 'this.store(NOTIFY_HEAD, (head + 1) | 0);', 'this.store(NOTIFY_HEAD, (this.load(NOTIFY_HEAD) + 1) | 0);', 'u26-51'),
  mutation(PAGE, 'indices are compared as if they had a sign', '(head - this.load(NOTIFY_TAIL)) >>> 0 >= this.entries', '(head - this.load(NOTIFY_TAIL)) >= this.entries', 'u26-52'),
  mutation(PAGE, 'indices do not wrap', 'writeEntry(base, index, gpa, flags) {\n        const at = base + (index & this.mask)', 'writeEntry(base, index, gpa, flags) {\n        const at = base + Math.min(index, this.mask)', 'u26-53'),
  mutation(I4, 'completions complete nothing', 'return ring.readCompletion(index) &&', 'return index < 0 &&', 'u26-54 u26-59'),
  mutation(I4, 'a write of the eventfd takes one completion', 'for (let i = 0; i < count; i++)\n                completed', 'for (let i = 0; i < Math.min(count, 1); i++)\n                completed', 'u26-55'),
  mutation(I4, 'completions need not be page aligned', '&& isPageAligned(ring.gpa) ', '', 'u26-56'),
  mutation(PAGE, 'completions may have flags', '&& this.entryFlags === 0', '', 'u26-56'),
  mutation(I4, 'a head that is made up is believed', 'if (count <= this.shape.ringEntries) {', 'if (count <= this.shape.ringEntries + 1) {', 'u26-57'),
  {
    what: 'a vCPU about to halt does not look at the completions',
    file: I4,
    edits: [
      ['halt(vcpu) {\n        this.drainCompletions(vcpu);', 'halt(vcpu) {'],
      ['if (queue.halted)\n            this.drainCompletions(vcpu);', ''],
    ],
    kills: ['u26-58'],
  },
];

const twoBits: readonly Mutation[] = [
  mutation(TWO_BITS, 'pages without a bit exit', 'if ((bits & known) === 0)', 'if (known === 0)', '2b-01'),
  mutation(TWO_BITS, 'S alone tells the guest', 'if ((bits & TwoBit.SYNC) !== 0 || prefetch', 'if (prefetch', '2b-02 2b-24'),
  mutation(TWO_BITS, 'A dominates S', 'if ((bits & TwoBit.SYNC) !== 0 || prefetch', 'if (bits === TwoBit.SYNC || prefetch', '2b-03 2b-11'),
  mutation(TWO_BITS, 'the exit has bit 4 only', 'KVM_MEMORY_EXIT_FLAG_USERFAULT | KVM_MEMORY_EXIT_FLAG_USERFAULT_ASYNC, 0', 'KVM_MEMORY_EXIT_FLAG_USERFAULT, 0', '2b-04'),
  mutation(TWO_BITS, 'the guest is not told', '0, queue.token(slot), false', '0, 0, false', '2b-05'),
  mutation(TWO_BITS, 'a fault is completed from the start', 'if (slot < 0)\n            return FaultAction.EXIT;', 'if (slot < 0)\n            return FaultAction.EXIT;\n        queue.complete(slot);', '2b-06'),
  mutation(TWO_BITS, 'faults are looked up on vCPU 0', 'const queue = this.queues[vcpu];\n        if (queue.clearing)', 'const queue = this.queues[0];\n        if (queue.clearing)', '2b-12'),
  mutation(TWO_BITS, 'READY of another thread is lost', 'return this.complete(vcpu, gpaOf(this.shape, page));', 'return 0;', '2b-13'),
  mutation(TWO_BITS, 'READY may be said twice', 'return EALREADY;', 'return 0;', '2b-14'),
  mutation(TWO_BITS, 'READY of a page without a fault succeeds', 'return ENOENT;', 'return 0;', '2b-14'),
  mutation(TWO_BITS, 'flags do not matter', 'return flags !== 0 ? EINVAL : this', 'return this', '2b-15'),
  mutation(TWO_BITS, 'any byte of the page will do', 'if (!isPageAligned(gpa))', 'if (gpa < 0)', '2b-16'),
  mutation(TWO_BITS, 'an argument that cannot be read is a wrong one', 'if (pointerIsBad)\n            return EFAULT;', 'if (pointerIsBad)\n            return EINVAL;', '2b-17'),
  mutation(TWO_BITS, 'any process may say READY', 'return EIO;', 'return 0;', '2b-17'),
  mutation(TWO_BITS, 'the second flag can be alone', 'if ((flags & KVM_MEM_USERFAULT_ASYNC) !== 0 && !intercepts)', 'if (flags < 0)', '2b-18'),
  mutation(TWO_BITS, 'the second flag comes and goes', 'if (intercepts && this.slot.intercepting && differs)', 'if (differs && flags < 0)', '2b-19'),
  mutation(TWO_BITS, 'a bitmap that cannot be read marks all', 'return FaultAction.BARE_EFAULT;', 'return FaultAction.EXIT;', '2b-21'),
  mutation(BITMAP, 'a page always has two bits', '(slotFlags & TWO_BITS_FLAG) === 0 ? 1 : 2', '2', '2b-22'),
  mutation(TWO_BITS, 'READY completes nothing', 'queue.complete(slot);', '', '2b-25'),
  mutation(TWO_BITS, 'a prefetch makes an async page fault', '|| prefetch ||', '||', '2b-27'),
  mutation(TWO_BITS, 'the capability can be enabled', 'enableCap() {\n        return EINVAL;', 'enableCap() {\n        return 0;', '2b-28'),
];

/** See the module's comment. */
export const MUTATIONS: readonly Mutation[] = [...queue, ...stock, ...userfault, ...rfc, ...i4Faults, ...i4Requests, ...i4Rings, ...twoBits];
