import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UAPI_NAMES, UAPI_PROFILES, type UapiProfile } from '../../lib/uapi/proposals/index.js';
import { patience } from '../support/slowness.js';
import { C_PRELUDE, PROFILES_IN_C, type ProfileInC } from './proposals-c.js';

/** Compiles and runs a main() of printf calls; what it printed, as pairs of a name and a number. */
function runC(declarations: string, prints: readonly string[]): Record<string, bigint> {
  const directory = mkdtempSync(join(tmpdir(), 'faultlab-proposal-'));
  try {
    const source = join(directory, 'probe.c');
    const program = join(directory, 'probe');
    writeFileSync(source, `${C_PRELUDE}\n${declarations}\nint main(void) {\n${prints.join('\n')}\nreturn 0;\n}\n`);
    execFileSync('gcc', ['-Wall', '-O0', '-o', program, source], { timeout: patience(60_000), stdio: ['ignore', 'pipe', 'pipe'] });
    const output = execFileSync(program, { encoding: 'utf8', timeout: patience(10_000) }).trim();
    return Object.fromEntries((output === '' ? [] : output.split('\n')).map((line) => [line.split(' ')[0], BigInt(line.split(' ')[1])]));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const print = (name: string, expression: string): string => `printf("${name} %llu\\n", (unsigned long long)(${expression}));`;

/** What the profile says, and the C that says the same independently. A number that has no C twin makes the compiler fail. */
function compared(profile: UapiProfile, inC: ProfileInC): { ours: Record<string, bigint>; prints: string[] } {
  const ours: Record<string, bigint> = {};
  const prints: string[] = [];
  const add = (name: string, value: number, expression: string): void => {
    ours[name] = BigInt(value);
    prints.push(print(name, expression));
  };
  for (const { name, size, fields } of profile.layouts) {
    assert.ok(Object.hasOwn(inC.types, name), `${profile.name}: struct ${name} has no twin in C`);
    const type = inC.types[name];
    add(`${name}:size`, size, `sizeof(${type})`);
    for (const [field, place] of Object.entries(fields)) {
      add(`${name}.${field}:offset`, place.offset, `offsetof(${type}, ${field})`);
      add(`${name}.${field}:size`, place.size, `sizeof(((${type} *)0)->${field})`);
    }
  }
  for (const [name, value] of [...Object.entries(profile.ioctls), ...Object.entries(profile.constants)]) {
    assert.ok(Object.hasOwn(inC.expressions, name), `${profile.name}: ${name} has no twin in C`);
    add(name, value, inC.expressions[name]);
  }
  return { ours, prints };
}

describe('the proposals and a C compiler', function () {
  this.timeout(120_000);

  for (const name of UAPI_NAMES) {
    it(`agree on every size, offset, request and constant of ${name}`, () => {
      const inC = PROFILES_IN_C[name];
      const { ours, prints } = compared(UAPI_PROFILES[name], inC);
      assert.deepEqual(runC(inC.declarations, prints), ours);
    });

    it(`leave no type, request or constant of ${name} in C alone`, () => {
      const { layouts, ioctls, constants } = UAPI_PROFILES[name];
      const known = [...layouts.map((layout) => layout.name), ...Object.keys(ioctls), ...Object.keys(constants)];
      assert.deepEqual([...Object.keys(PROFILES_IN_C[name].types), ...Object.keys(PROFILES_IN_C[name].expressions)].filter((word) => !known.includes(word)), []);
    });
  }

  it('notice a field in another place, another size and another number', () => {
    const profile = UAPI_PROFILES['async-pf-userfault-2026'];
    const inC = PROFILES_IN_C[profile.name];
    const shifted = { ...inC, declarations: inC.declarations.replace('u32 op, flags; u64 reserved[2];', 'u32 flags, op; u64 reserved[3];') };
    assert.notEqual(shifted.declarations, inC.declarations);
    const { ours, prints } = compared(profile, shifted);
    const theirs = runC(shifted.declarations, prints);
    const different = Object.keys(ours).filter((key) => ours[key] !== theirs[key]);
    assert.deepEqual(different.sort(), ['KVM_ASYNC_PF', 'kvm_async_pf_req.flags:offset', 'kvm_async_pf_req.op:offset', 'kvm_async_pf_req:size']);
  });

  it('give the numbers that the mails and the patches print', () => {
    assert.equal(UAPI_PROFILES['async-pf-user-2024'].ioctls['KVM_ASYNC_PF_USER_READY'], 0x4004aed6);
    assert.equal(UAPI_PROFILES['async-pf-userfault-2026'].ioctls['KVM_ASYNC_PF'], 0x4020aed6);
    assert.equal(UAPI_PROFILES['async-pf-userfault-2026'].ioctls['KVM_SET_APF_EVENTFD'], 0x4020aed9);
  });
});
