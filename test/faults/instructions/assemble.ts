/** Turns forms into bytes with the GNU assembler: an encoder that shares nothing with the decoder under test. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { END, type Form } from './form.js';

/** Room for one form. */
const PITCH_BYTES = 256;
/** Leaves the guest; what comes behind it would be a fault of the form's own. */
const ENDING = `mov %al, ${END}\nud2`;

/**
 * Assembles each piece on its own, all in one go.
 * @param pieces - GNU syntax, position-independent
 * @returns bytes of each, {@link PITCH_BYTES} long
 * @throws what gcc says
 */
function assemble(pieces: readonly string[]): Uint8Array[] {
  const folder = mkdtempSync(join(tmpdir(), 'forms-'));
  try {
    const [source, object, flat] = ['forms.s', 'forms.o', 'forms.bin'].map((name) => join(folder, name));
    writeFileSync(source, `.text\n${pieces.map((piece, at) => `.org ${at * PITCH_BYTES}\n${piece}\n`).join('')}.org ${pieces.length * PITCH_BYTES}\n`);
    execFileSync('gcc', ['-c', source, '-o', object], { stdio: ['ignore', 'pipe', 'pipe'] });
    execFileSync('objcopy', ['-O', 'binary', '-j', '.text', object, flat], { stdio: ['ignore', 'pipe', 'pipe'] });
    const bytes = readFileSync(flat);
    return pieces.map((_, at) => bytes.subarray(at * PITCH_BYTES, (at + 1) * PITCH_BYTES));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Forms as bytes. */
export interface AssembledForms {
  readonly code: ReadonlyMap<Form, Uint8Array>;
  /** The code that ends a form, which is also behind each. */
  readonly ending: Uint8Array;
}

/**
 * Assembles forms.
 * @throws what gcc says
 */
export function assembleForms(forms: readonly Form[]): AssembledForms {
  const [ending, ...pieces] = assemble([ENDING, ...forms.map(({ assembly }) => `${assembly}\n${ENDING}`)]);
  return { code: new Map(forms.map((form, at) => [form, pieces[at]])), ending: ending.subarray(0, 16) };
}
