import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { noteKvmUse } from './support/kvm-use.js';
import { requireKvm } from './support/kvm-available.js';
import { patience } from './support/slowness.js';

const ROOT = new URL('../../', import.meta.url);

describe('README', () => {
  it('shows real output and has nothing left to fill in', () => {
    const text = readFileSync(new URL('README.md', ROOT), 'utf8');
    assert.match(text, /passed: every page arrived intact and all event counts agree, in 4 modes/);
    assert.doesNotMatch(text, /@@|TODO|FIXME/);
  });

  it('has a library example that type-checks, boots a guest, handles its faults and ends', function () {
    requireKvm(this);
    this.timeout(90_000);
    const code = /```ts\n(.*?)```/s.exec(readFileSync(new URL('README.md', ROOT), 'utf8'))?.[1] ?? '';
    assert.notEqual(code, '', 'README.md has no example in TypeScript');
    assert(code.split('\n').length < 45, 'the example is to be short');
    // Inside the package, so that it imports kvm-faultlab by its name.
    const folder = fileURLToPath(new URL('dist/readme-example/', ROOT));
    mkdirSync(folder, { recursive: true });
    try {
      writeFileSync(`${folder}example.ts`, code);
      const options: ts.CompilerOptions = {
        strict: true,
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        types: ['node'],
        skipLibCheck: true,
      };
      const program = ts.createProgram([`${folder}example.ts`], options);
      const problems = [...ts.getPreEmitDiagnostics(program)].map((problem) => ts.flattenDiagnosticMessageText(problem.messageText, '\n'));
      assert.deepEqual(problems, []);
      program.emit();
      const output = execFileSync(process.execPath, [`${folder}example.js`], { encoding: 'utf8', timeout: patience(60_000) });
      assert.match(output, /^1000 pages visited, 1000 delivered$/m);
      assert.match(output, /^1000 not-present and 1000 ready events$/m);
      noteKvmUse();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
