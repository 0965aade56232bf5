/** `kvm-faultlab paper`: whatever becomes of a part, there is a page with the others. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PARTS, allowanceMs, isPieceNext, type Part } from '../../lib/cli/paper/plan.js';
import { Turns } from '../../lib/cli/paper/turns.js';
import { writePaper, type PaperItem, type PaperObserver } from '../../lib/cli/paper/write-paper.js';
import { FaultLabError } from '../../lib/errors/index.js';
import { EXPERIMENTS, type Experiment } from '../../lib/experiments/index.js';
import { unanswered } from '../../lib/experiments/frame/unanswered.js';
import { renderPage } from '../../lib/report/index.js';
import { requireKvm } from '../support/kvm-available.js';
import { noteKvmUse } from '../support/kvm-use.js';
import { patience } from '../support/slowness.js';
import { CLI, cli } from './run-cli.js';

const MOMENT_MS = patience(60_000);

const experimentPart = (experiment: Experiment): Part => ({ kind: 'experiment', id: experiment.id, experiment, weight: 1 });
const known = (id: string): Experiment => {
  const found = EXPERIMENTS.find((experiment) => experiment.id === id);
  assert(found !== undefined);
  return found;
};
const bare: Experiment = { id: 'q1', question: 'Is it so?', method: ['By looking.'], lacks: () => null, run: () => Promise.reject(new FaultLabError('KVM_EIO', 'the host went away')) };

function observer(ended: (items: readonly PaperItem[]) => void = () => undefined, interrupted: () => boolean = () => false): PaperObserver {
  return {
    begin: () => undefined,
    progress: () => undefined,
    ended: (_, __, items) => {
      ended(items);
    },
    interrupted,
    follow: () => undefined,
  };
}

describe('the plan of a paper', () => {
  it('has every experiment once, and benches of all modes', () => {
    assert.deepEqual(PARTS.filter(({ kind }) => kind === 'experiment').map(({ id }) => id), EXPERIMENTS.map(({ id }) => id));
    const modes = new Set(PARTS.flatMap((part) => (part.kind === 'bench' ? part.modes : [])));
    assert.deepEqual([...modes].sort(), ['apf-exitless', 'apf-kernel', 'apf-user', 'sync-exit', 'sync-uffd']);
  });

  it('shares out what time is left, hands on what was spared, and leaves nobody without', () => {
    const [small, large] = [{ weight: 1, spentMs: 0 }, { weight: 3, spentMs: 0 }];
    assert.equal(allowanceMs(small, [small, large], 10_000, 40_000), 10_000);
    assert.equal(allowanceMs(large, [large], 30_000, 39_000), 39_000, 'the other one took a second');
    assert.equal(allowanceMs(large, [large], 30_000, -5000), 12_000, 'the other one took all');
    assert.equal(allowanceMs(small, [small, large], 250, 1000), 1000);
    const begun = { weight: 3, spentMs: 20_000 };
    assert.equal(allowanceMs(begun, [small, begun], 30_000, 20_000), 10_000, 'what it had is its own');
  });

  it('spreads what runs in one piece over the passes of what runs in rounds', () => {
    const weights = [10, 10, 10, 10, 10];
    const order: string[] = [];
    for (let pass = 1, done = 0; pass <= 6; pass++) {
      order.push(`pass ${pass}`);
      while (isPieceNext(pass, weights, done)) order.push(`piece ${++done}`);
    }
    assert.deepEqual(order.slice(0, 10), [1, 2, 3, 4, 5].flatMap((at) => [`pass ${at}`, `piece ${at}`]));
    assert.equal(order.length, 11);
    assert(!isPieceNext(9, [], 0));
  });
});

describe('turns', () => {
  it('are pieces of one work: others have theirs in its pauses', async () => {
    const said: string[] = [];
    const [a, b] = ['a', 'b'].map(
      (name) =>
        new Turns(async (pause) => {
          for (let round = 1; round <= 2; round++) {
            said.push(`${name}${round}`);
            await pause();
          }
          return name;
        }),
    );
    assert.deepEqual([await a.next(), await b.next(), await a.next(), await b.next(), await b.next(), await a.next()], [null, null, null, null, { value: 'b' }, { value: 'a' }]);
    assert.deepEqual(said, ['a1', 'b1', 'a2', 'b2']);
  });

  it('end with what the work throws', async () => {
    const broken = new Turns(async (pause) => {
      await pause();
      throw new FaultLabError('KVM_EIO', 'the host went away');
    });
    assert.equal(await broken.next(), null);
    await assert.rejects(broken.next(), { code: 'KVM_EIO' });
  });
});

describe('a paper', function () {
  this.timeout(patience(120_000));
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'paper-test-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
    noteKvmUse();
  });

  it('goes on after a part that broke, says on the page why, and has a page after each part', async function () {
    requireKvm(this);
    const pages: number[] = [];
    const items = await writePaper([experimentPart(bare), experimentPart(known('q11')), experimentPart({ ...bare, id: 'q3', lacks: () => 'KVM_CAP_X is 0 here' })], 20_000, observer((all) => pages.push(all.length)));
    assert.deepEqual(pages, [1, 2, 3]);
    assert.deepEqual(items.map(({ state }) => state), ['broken', 'verdict', 'none']);
    const page = renderPage(items.flatMap(({ item }) => item ?? []));
    assert.match(page, /the run broke: [^<]*the host went away/);
    assert.match(page, /KVM_CAP_X is 0 here/);
    assert.match(page, /Q11 answered/);
  });

  it('keeps the rounds of the others where one ends by a bug', async function () {
    requireKvm(this);
    const rounds = (id: Experiment['id'], end: () => ReturnType<typeof unanswered>): Experiment => ({
      ...bare, id, inRounds: true,
      run: async ({ pause }) => {
        await pause();
        return end();
      },
    });
    const bug = (): never => {
      throw new TypeError('x is not a function');
    };
    const items = await writePaper([experimentPart(rounds('q1', bug)), experimentPart(rounds('q2', () => unanswered('nothing was asked')))], 20_000, observer());
    assert.deepEqual(items.map(({ state, sentence }) => [state, sentence.replace(/: .*x is/, ': x is')]).sort(), [['broken', 'the run broke: x is not a function [UNEXPECTED]'], ['none', 'nothing was asked']]);
  });

  it('comes to the same answers in a second run', async function () {
    requireKvm(this);
    const answers = async (): Promise<string[]> => (await writePaper([experimentPart(known('q11')), experimentPart(known('q14'))], 30_000, observer())).map(({ item }) => (item?.kind === 'experiment' && item.report.finding.answered ? item.report.finding.answer : ''));
    const first = await answers();
    assert(first.every((answer) => answer !== ''), JSON.stringify(first));
    assert.deepEqual(await answers(), first);
  });

  it('spreads the rounds of its experiments over its time, between what runs in one piece', async function () {
    requireKvm(this);
    const said: string[] = [];
    const inRounds = (id: Experiment['id']): Experiment => ({
      ...bare, id, inRounds: true,
      run: async (context) => {
        for (let round = 1; round <= 5; round++) {
          said.push(`${id} round ${round}`);
          await context.pause();
        }
        return unanswered(`${context.remainingMs() > 0}`);
      },
    });
    const inOne: Experiment = { ...bare, id: 'q7', run: () => { said.push('q7'); return Promise.resolve(unanswered('nothing was asked')); } };
    const items = await writePaper([inRounds('q1'), inOne, inRounds('q2')].map(experimentPart), 20_000, observer());
    assert.deepEqual(items.map(({ part: { id } }) => id), ['q1', 'q7', 'q2'], 'in the order of the page');
    assert(items.every(({ state }) => state === 'none'));
    const rounds = said.filter((what) => what !== 'q7');
    assert.deepEqual(rounds, [1, 2, 3, 4, 5].flatMap((round) => [`q1 round ${round}`, `q2 round ${round}`]));
    assert(said.indexOf('q7') > 0 && said.indexOf('q7') < said.length - 1, said.join());
  });

  it('asks those that were begun for what they have when it is interrupted, and begins no other', async function () {
    requireKvm(this);
    let stop = false;
    const begun: Experiment = { ...bare, inRounds: true, run: async (context) => { stop = true; await context.pause(); return unanswered(context.interrupted() ? 'it was ended' : 'it went on'); } };
    const items = await writePaper([begun, { ...begun, id: 'q2' } as Experiment].map(experimentPart), 20_000, observer(undefined, () => stop));
    assert.deepEqual(items.map(({ part: { id }, sentence }) => [id, sentence]), [['q1', 'it was ended']]);
  });

  it('starts nothing once it is interrupted', async () => {
    assert.deepEqual(await writePaper([experimentPart(bare)], 5000, observer(undefined, () => true)), []);
  });

  it('is written as far as it came when Ctrl-C ends it', async function () {
    requireKvm(this);
    const path = join(folder, 'paper.html');
    const child = spawn(process.execPath, [CLI, 'paper', '-o', path, '--json', join(folder, 'paper.json')]);
    const [read, exited] = [[] as string[], new Promise<number | null>((resolve) => child.on('exit', resolve))];
    child.stdout.on('data', (chunk: Buffer) => {
      read.push(chunk.toString());
      // The first part is done, and its line printed before the page is.
      if (read.length === 1) setTimeout(() => child.kill('SIGINT'), 1000);
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), MOMENT_MS);
    const code = await exited;
    clearTimeout(timer);
    assert.equal(code, 130, `waited ${MOMENT_MS / 1000} s for the first part, and for SIGINT to end the rest: ${read.join('')}`);
    assert.match(read.join(''), /paper\.html: \d+ of \d+ parts with a verdict.*interrupted\n$/);
    assert.match(readFileSync(path, 'utf8'), /^<!doctype html>[^]*Bench: [^]*<\/html>\n$/);
    assert(Array.isArray(JSON.parse(readFileSync(join(folder, 'paper.json'), 'utf8'))));
  });

  it('refuses a place that cannot be written, before anything runs', () => {
    const { code, stdout, stderr } = cli(['paper', '-o', '/no/such/directory/paper.html']);
    assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
    assert.match(stderr, /cannot be written/);
    assert(!existsSync('/no/such/directory'));
  });
});
