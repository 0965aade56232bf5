/**
 * Records struct kvm_run as a kernel leaves it after a memory fault: one JSON object with the union's bytes in hex. recorded-run-areas.ts holds what
 * it printed on the lab's own kernel, which says where a fault was (scripts/lab/kernel/patches):
 *
 *   npm run lab -- --kernel own node dist/test/kvm/proposals/record-run-areas.js
 */
import { release } from 'node:os';
import { PROT_NONE, PROT_READ, PROT_WRITE } from '../../../lib/uapi/index.js';
import { withUserModeGuest } from '../guests.js';

const PAGE = 4096;
/** Header and exit union of struct kvm_run. */
const RECORDED_BYTES = 288;

const ACCESSES = [
  { what: 'a load', code: [0x8a, 0x04, 0x25, 0x00, 0x00, 0x02, 0x00], gpa: 0x20000 }, // mov 0x20000, %al
  { what: 'a store after an MMIO exit', code: [0x88, 0x04, 0x25, 0x00, 0x00, 0x80, 0x00, 0x88, 0x04, 0x25, 0x08, 0x10, 0x02, 0x00], gpa: 0x21000 }, // mov %al, 0x800000; mov %al, 0x21008
];

const pages = ACCESSES.map(({ what, code, gpa }) =>
  withUserModeGuest(code, ({ memory, vcpu, runToExit }) => {
    memory.protect(gpa, PAGE, PROT_NONE);
    let exit = runToExit();
    if (exit.kind === 'mmio') exit = runToExit();
    const hex = Buffer.from(vcpu.exit.copyBytes(0, RECORDED_BYTES)).toString('hex');
    memory.protect(gpa, PAGE, PROT_READ | PROT_WRITE);
    return { what, gpa, kind: exit.kind, hex };
  }),
);
process.stdout.write(`${JSON.stringify({ kernel: release(), pages }, null, 2)}\n`);
