/** A page source of code: each page has a trap instruction with `ret` at 16, and one across each pair of pages. */
import type { FillTarget, PageSource, TrapInstruction } from '../../../lib/index.js';

const OPCODES: Readonly<Record<TrapInstruction, readonly [number, number]>> = { syscall: [0x0f, 0x05], int80: [0xcd, 0x80], ud2: [0x0f, 0x0b] };
const RET = 0xc3;

/** Contents of every page. */
export function trapPage(instruction: TrapInstruction): Uint8Array {
  const [first, second] = OPCODES[instruction];
  const page = new Uint8Array(4096);
  page.set([second, RET]);
  page.set([first, second, RET], 16);
  page[4095] = first;
  return page;
}

export function openPageSource(options: unknown): PageSource {
  const page = trapPage((options as { readonly instruction: TrapInstruction }).instruction);
  return {
    fill(_first: number, count: number, target: FillTarget) {
      for (let i = 0; i < count; i++) target.write(i * 4096, page);
    },
    close: () => undefined,
  };
}
