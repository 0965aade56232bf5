/**
 * Calls every function of the addon with arguments picked at random from values that fit somewhere and values that fit
 * nowhere. The process must live, and whatever is thrown must be an Error: with a code, or the engine's TypeError.
 * Arguments: a seed, and how many calls. Prints how many returned and how many threw, by code.
 */
import { nativeAddon } from '../../../lib/native/index.js';
import type { NativeHandle } from '../../../lib/native/index.js';
import { kvmMissing } from '../../support/kvm-available.js';
import { PAGE, PROT_RW, UFFD_FEATURE_SIGBUS } from '../../native/support/constants.js';
import { HLT, realModeGuest } from '../../native/support/real-mode.js';

const addon = nativeAddon();
const [seed, calls] = process.argv.slice(2).map(Number);

// A linear congruential generator: the same seed gives the same calls.
let state = seed >>> 0;
function below(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}
const pick = <T>(values: readonly T[]): T => values[below(values.length)];

function openHandles(): NativeHandle[] {
  const file = addon.File.memfd('junk', 4 * PAGE, { sealShrink: below(2) === 1 });
  const handles: NativeHandle[] = [
    file,
    addon.Mapping.anonymous(4 * PAGE, PROT_RW),
    addon.Mapping.ofFile(file, 0, 4 * PAGE, PROT_RW),
    new addon.EventFd(),
    // With SIGBUS, so that no copy waits for its pages.
    new addon.Userfaultfd(UFFD_FEATURE_SIGBUS),
  ];
  if (kvmMissing() === undefined) {
    const { kvm, vm, vcpu, memory } = realModeGuest(HLT);
    handles.push(kvm, vm, vcpu, memory);
  }
  return handles;
}

let handles = openHandles();
const closed = new addon.EventFd();
closed.close();

const scalars: readonly (() => unknown)[] = [
  () => pick(handles),
  () => pick(handles),
  () => pick(handles),
  () => pick([0, 1, 2, 3, 4, 7, 8, 255, PAGE, 2 * PAGE, 4 * PAGE]),
  () => pick([0, PAGE]),
  () => pick([-1, 0.5, NaN, Infinity, 2 ** 32, 2 ** 53, -(2 ** 31), 2 ** 31, PAGE - 1]),
  () => pick([0n, 1n, 4096n, -1n, 2n ** 64n, 2n ** 64n - 1n, 2n ** 63n]),
  () => new Uint8Array(pick([0, 1, 8, 32, 40, 64, 144, 312, PAGE, 2 * PAGE])),
  () => pick([new Uint16Array(8), new DataView(new ArrayBuffer(8)), new ArrayBuffer(8), new Uint8Array(new SharedArrayBuffer(PAGE))]),
  () => pick([undefined, null, true, false, '', 'text', Symbol('junk'), closed]),
];
const scalar = (): unknown => pick(scalars)();

/** What the functions that take objects look for. */
const PROPERTIES =
  'slot flags gpa sizeBytes mapping offset guestMemfd userfaultBitmap base count bitmap gsi addressLow addressHigh data status addr misc mcgStatus bank'.split(' ');

function junkObject(): object {
  const junk: Record<string, unknown> = Object.fromEntries(PROPERTIES.map((name) => [name, scalar()]));
  Object.defineProperty(junk, pick(PROPERTIES), {
    get() {
      pick(handles).close();
      return scalar();
    },
  });
  return junk;
}

function value(): unknown {
  switch (below(12)) {
    case 0:
      return [scalar(), junkObject()];
    case 1:
      return junkObject();
    default:
      return scalar();
  }
}

/** Not called: raw ioctls may pass addresses inside a buffer; the rest could wait or take much memory with these arguments. */
const LEFT_OUT = new Set(['constructor', 'ioctl', 'wait', 'run', 'fallocate', 'open', 'setAffinity', 'setTimerSlackNs', 'releaseAll']);
const functions: { name: string; call: (receiver: unknown, args: unknown[]) => unknown }[] = [];
for (const [exported, thing] of Object.entries(addon)) {
  if (typeof thing !== 'function') continue;
  const Class = thing as (...args: unknown[]) => unknown;
  if (/^[a-z]/.test(exported)) {
    if (!LEFT_OUT.has(exported)) functions.push({ name: exported, call: (_, args) => Class(...args) });
    continue;
  }
  functions.push({ name: `new ${exported}`, call: (_, args) => Reflect.construct(Class, args) as unknown });
  for (const [owner, descriptors] of [[Class, Object.getOwnPropertyDescriptors(Class)], [undefined, Object.getOwnPropertyDescriptors(Class.prototype as object)]] as const) {
    for (const [name, descriptor] of Object.entries(descriptors as Record<string, PropertyDescriptor>)) {
      const method = (descriptor.get ?? descriptor.value) as unknown;
      if (typeof method !== 'function' || LEFT_OUT.has(name) || (exported === 'Userfaultfd' && name === 'read')) continue;
      functions.push({ name: `${exported}.${name}`, call: (receiver, args) => Reflect.apply(method, owner ?? receiver, args) as unknown });
    }
  }
}

const counts: Record<string, number> = {};
const kept: unknown[] = [];
for (let i = 0; i < calls; i++) {
  if (i % 40 === 39) {
    for (const handle of [...handles, ...kept]) (handle as Partial<NativeHandle> | undefined)?.close?.();
    kept.length = 0;
    handles = openHandles();
  }
  const { name, call } = pick(functions);
  // Mostly on a handle that has the method, so that the call gets beyond its receiver.
  const suited = handles.filter((handle) => handle.constructor.name === name.split('.')[0]);
  const receiver = below(8) === 0 || suited.length === 0 ? value() : pick(suited);
  const args = Array.from({ length: below(7) }, value);
  try {
    const result = call(receiver, args);
    counts['returned'] = (counts['returned'] ?? 0) + 1;
    if (typeof result === 'object' && result !== null && 'closed' in result) kept.push(result);
  } catch (error) {
    if (!(error instanceof Error)) throw new Error(`${name} threw ${String(error)}`, { cause: error });
    const code = (error as { code?: string }).code ?? error.name;
    if (!/^(TypeError|[A-Z]+(_[A-Z0-9]+)+)$/.test(code)) throw new Error(`${name} threw ${code}`, { cause: error });
    counts[code] = (counts[code] ?? 0) + 1;
  }
}
process.stdout.write(JSON.stringify(counts));
