/** What a C compiler says of the distribution's <linux/kvm.h> and <linux/userfaultfd.h>. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MOST_ATTEMPTS = 5;
const LIMIT_MS = 60_000;

const PROLOGUE = ['#include <stddef.h>', '#include <stdio.h>', '#include <linux/kvm.h>', '#include <linux/userfaultfd.h>', 'int main(void) {'];

/**
 * Evaluates integer constant expressions. One that the headers do not know is left out: each stands on its own line, and lines the
 * compiler complains of are dropped.
 * @param expressions C expressions by any key
 * @returns their values by key
 * @throws when there is no compiler, or the program fails for another reason than an unknown name
 */
export function evaluateInC(expressions: Readonly<Record<string, string>>): Record<string, number> {
  const directory = mkdtempSync(join(tmpdir(), 'oracle-'));
  try {
    const source = join(directory, 'facts.c');
    const program = join(directory, 'facts');
    const lines = Object.entries(expressions).map(([key, expression]) => ({ key, expression }));
    let known = lines;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const body = known.map(({ expression }, index) => `  printf("%d %llu\\n", ${index}, (unsigned long long)(${expression}));`);
      writeFileSync(source, [...PROLOGUE, ...body, '  return 0;', '}', ''].join('\n'));
      const compiled = spawnSync('gcc', ['-w', '-fmax-errors=0', '-o', program, source], { encoding: 'utf8', timeout: LIMIT_MS });
      if (compiled.error !== undefined) throw compiled.error;
      if (compiled.status === 0) {
        const ran = spawnSync(program, { encoding: 'utf8', timeout: LIMIT_MS });
        const values = ran.stdout.trim().split('\n').map((line) => line.split(' ').map(Number));
        return Object.fromEntries(values.map(([index = -1, value = NaN]) => [known[index]?.key ?? '', value]));
      }
      const bad = new Set([...compiled.stderr.matchAll(/facts\.c:(\d+):\d+: error/g)].map(([, line]) => Number(line) - PROLOGUE.length - 1));
      if (bad.size === 0 || bad.has(-1)) throw new Error(`gcc failed:\n${compiled.stderr}`);
      known = known.filter((_, index) => !bad.has(index));
    }
    throw new Error(`gcc still complains after ${MOST_ATTEMPTS} attempts`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
