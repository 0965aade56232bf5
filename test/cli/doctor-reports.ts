import { DOCTOR_VERSION, type DoctorReport } from '../../lib/cli/doctor/index.js';
import type { Fact } from '../../lib/probes/index.js';
import type { Host } from '../../lib/kvm/index.js';

/** Facts of two groups, each with the answer given. */
export function factsWith(answer: string): Fact[] {
  return [
    { id: 'a-one', group: 'First', title: 'one', answer },
    { id: 'a-two', group: 'First', title: 'two', answer: 'always' },
    { id: 'b-one', group: 'Second', title: 'one', answer, detail: `detail of ${answer}` },
  ];
}

/** A real host, but for what is given. */
export function hostWith(changes: Partial<Host> = {}): Host {
  return { kind: 'SVM', kernelRelease: '6.12.0', cpuModel: 'AMD EPYC', cpuCount: 8, virtualized: false, emulated: false, ...changes };
}

/** A report as `doctor --json` writes it. */
export function doctorReport(changes: Partial<DoctorReport> = {}): DoctorReport {
  return {
    doctorVersion: DOCTOR_VERSION,
    tool: { name: 'kvm-faultlab', version: '0.1.0', node: '20.20.2' },
    host: hostWith(),
    checks: [],
    modes: [],
    proposals: [],
    facts: factsWith('yes'),
    ...changes,
  };
}
