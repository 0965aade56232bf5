import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as errors from '../../lib/errors/index.js';
import * as uapi from '../../lib/uapi/index.js';
import type { StructLayout } from '../../lib/uapi/index.js';
import { patience } from '../support/slowness.js';

/**
 * Holds every number of lib/uapi to the C headers of this distribution, as far as they have it: they are older than the
 * kernels this project knows. What they lack is held to the addon's own headers in addon-agrees.test.ts.
 */
const HEADERS = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <linux/falloc.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <linux/userfaultfd.h>
`;

/** In the headers, but not usable outside the kernel: needs GENMASK. */
const UNUSABLE = new Set(['KVM_ASYNC_PF_VEC_MASK']);
/** Before Linux 6.10 a word private to the guest followed the shared area. */
const SIZE_CHANGED = new Set(['kvm_vcpu_pv_apf_data']);

/** Compiles and runs `body` of a main(); what it printed, as pairs of a name and a number. */
function runC(body: string): Map<string, bigint> {
  const directory = mkdtempSync(join(tmpdir(), 'faultlab-c-'));
  try {
    const source = join(directory, 'probe.c');
    const program = join(directory, 'probe');
    writeFileSync(source, `${HEADERS}\nint main(void) {\n${body}\nreturn 0;\n}\n`);
    execFileSync('gcc', ['-w', '-O0', '-o', program, source], { timeout: patience(60_000) });
    const output = execFileSync(program, { encoding: 'utf8', timeout: patience(10_000) });
    return new Map(
      output
        .trim()
        .split('\n')
        .map((line) => line.split(' '))
        .map(([name, value]) => [name, BigInt(value)]),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function isLayout(value: unknown): value is StructLayout {
  return typeof value === 'object' && value !== null && 'name' in value && 'size' in value && 'fields' in value;
}

/** Numeric constants by the name they have in C. */
function constants(): Map<string, bigint> {
  const entries: [string, number | bigint][] = [
    ...Object.entries({ ...errors, ...uapi }).filter((entry): entry is [string, number | bigint] => /^[A-Z][A-Z0-9_]+$/.test(entry[0]) && ['number', 'bigint'].includes(typeof entry[1])),
    ...Object.entries(uapi.ioctls),
    ...Object.entries(uapi.capabilities).map(([name, value]): [string, number] => [`KVM_CAP_${name}`, value]),
    ...Object.entries(uapi.exitReasons).map(([name, value]): [string, number] => [`KVM_EXIT_${name}`, value]),
    ...Object.entries(uapi.internalErrors).map(([name, value]): [string, number] => [`KVM_INTERNAL_ERROR_${name}`, value]),
    ...Object.entries(uapi.uffdFeatures).map(([name, value]): [string, bigint] => [`UFFD_FEATURE_${name}`, value]),
    ...Object.entries(uapi.uffdRangeIoctls).map(([name, value]): [string, number] => [`_UFFDIO_${name}`, value]),
  ];
  return new Map(entries.filter(([name]) => !UNUSABLE.has(name)).map(([name, value]) => [name, BigInt(value)]));
}

describe('lib/uapi and a C compiler', function () {
  this.timeout(120_000);

  it('agree on every constant that the C headers have', () => {
    const ours = constants();
    const theirs = runC([...ours.keys()].map((name) => `#ifdef ${name}\nprintf("${name} %llu\\n", (unsigned long long)(${name}));\n#endif`).join('\n'));
    const different = [...theirs].filter(([name, value]) => ours.get(name) !== value).map(([name, value]) => `${name}: C ${value}, here ${ours.get(name) ?? 'nothing'}`);
    assert.deepEqual(different, []);
    // A probe that found no headers would agree with anything.
    for (const name of ['KVM_CAP_ASYNC_PF_INT', 'KVM_EXIT_IO', 'KVM_GET_VCPU_EVENTS', 'UFFDIO_CONTINUE', 'MSR_KVM_ASYNC_PF_EN', 'MADV_DONTNEED', 'F_SEAL_SHRINK', 'FALLOC_FL_PUNCH_HOLE', 'EHWPOISON']) {
      assert.ok(theirs.has(name), `${name} was not compared`);
    }
  });

  it('agree on the size of every structure and the place of every field that the C headers have', () => {
    const text = execFileSync('gcc', ['-E', '-P', '-'], { input: HEADERS, encoding: 'utf8', maxBuffer: 1 << 26, timeout: patience(60_000) });
    const hasWord = (word: string): boolean => new RegExp(`\\b${word}\\b`).test(text);
    const layouts = Object.values(uapi as Record<string, unknown>).filter(isLayout);
    const known = layouts.filter(({ name }) => new RegExp(`struct ${name} \\{`).test(text));
    const prints: string[] = [];
    const ours = new Map<string, bigint>();
    for (const { name, size, fields } of known) {
      if (!SIZE_CHANGED.has(name)) {
        prints.push(`printf("${name} %zu\\n", sizeof(struct ${name}));`);
        ours.set(name, BigInt(size));
      }
      for (const [field, place] of Object.entries(fields)) {
        if (!field.split('.').every(hasWord)) continue;
        prints.push(`printf("${name}.${field} %zu\\n", offsetof(struct ${name}, ${field}));`);
        prints.push(`printf("${name}.${field}:size %zu\\n", sizeof(((struct ${name} *)0)->${field}));`);
        ours.set(`${name}.${field}`, BigInt(place.offset));
        ours.set(`${name}.${field}:size`, BigInt(place.size));
      }
    }
    assert.deepEqual(runC(prints.join('\n')), ours);
    for (const name of ['kvm_run', 'kvm_regs', 'kvm_sregs', 'kvm_segment', 'kvm_dtable', 'kvm_vcpu_events', 'kvm_cpuid_entry2', 'kvm_userspace_memory_region', 'uffd_msg']) {
      assert.ok(
        known.some((layout) => layout.name === name),
        `struct ${name} was not compared`,
      );
    }
  });
});
