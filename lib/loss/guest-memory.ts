/** Memory of the guest that loses some: ordinary RAM with the ELF, its tables and its page tables, everything mapped one to one; and the window. */
import { readFileSync } from 'node:fs';
import {
  DESCRIPTOR_BASE,
  Frames,
  IDT_BASE,
  PageTables,
  parseElf,
  readVectorTable,
  writeDescriptorPage,
  writeIdt,
  type ElfImage,
  type PageAccess,
  type VcpuBootState,
} from '../guest/index.js';
import { SystemRam, gpaNumber } from '../memory/index.js';
import { PAGE_SIZE } from '../uapi/index.js';
import * as abi from './abi.js';

const ELF_FILE = new URL('../../../guest/build/loss-guest.elf', import.meta.url);
const PF_X = 1;
const PF_W = 2;
/** The project's own bit of p_flags (guest/include/abi.h). */
const PF_USER = 0x100000;
/** Page-table frames, behind the image's range. */
const FRAMES_BASE = 0x200000;
const RAM_SIZE_BYTES = 0x220000;
const SUPERVISOR: PageAccess = { write: true, user: false, execute: false };
const WINDOW: PageAccess = { write: true, user: true, execute: true };

let parsed: ElfImage | undefined;

/** See the module's comment. */
export class LossGuestMemory {
  readonly ram: SystemRam;
  readonly boot: VcpuBootState;
  /** Guest addresses of the structures that both ends use. */
  readonly control: number;
  readonly veInformation: number;
  readonly apfArea: number;
  readonly eventLog: number;

  /**
   * @param windowPages - 1 to LOSS_WINDOW_PAGES
   * @throws FaultLabError `GUEST_ELF`; RangeError for more pages
   */
  constructor(windowPages: number) {
    if (!Number.isInteger(windowPages) || windowPages < 1 || windowPages > abi.LOSS_WINDOW_PAGES) throw new RangeError(`the window has 1 to ${abi.LOSS_WINDOW_PAGES} pages, not ${windowPages}`);
    parsed ??= parseElf(readFileSync(ELF_FILE), 'loss-guest.elf');
    const elf = parsed;
    this.ram = SystemRam.create(gpaNumber(0), RAM_SIZE_BYTES);
    for (const { fileOffset, fileSizeBytes, address } of elf.segments) this.ram.bytes.set(elf.bytes.subarray(fileOffset, fileOffset + fileSizeBytes), address);
    const stackTop = elf.symbol('kernel_stack_top');
    const istStacks = Array.from({ length: abi.LOSS_IST_COUNT }, (_, i) => elf.symbol(`ist${i + 1}_stack_top`));
    writeIdt(this.page(IDT_BASE), readVectorTable(elf, abi.LOSS_IST_COUNT));
    writeDescriptorPage(this.page(DESCRIPTOR_BASE), DESCRIPTOR_BASE, stackTop, istStacks);
    const tables = new PageTables(new Frames(this.ram, FRAMES_BASE));
    for (const page of [IDT_BASE, DESCRIPTOR_BASE]) tables.mapSmall(page, page, PAGE_SIZE, SUPERVISOR);
    for (const { address, memorySizeBytes, flags } of elf.segments) {
      const start = address - (address % PAGE_SIZE);
      const sizeBytes = Math.ceil((address + memorySizeBytes - start) / PAGE_SIZE) * PAGE_SIZE;
      tables.mapSmall(start, start, sizeBytes, { write: (flags & PF_W) !== 0, user: (flags & PF_USER) !== 0, execute: (flags & PF_X) !== 0 });
    }
    tables.mapSmall(abi.LOSS_WINDOW_BASE, abi.LOSS_WINDOW_BASE, windowPages * PAGE_SIZE, WINDOW);
    tables.mapSmall(abi.LOSS_WINDOW_TABLE, this.lastTable(tables.root, abi.LOSS_WINDOW_BASE), PAGE_SIZE, SUPERVISOR);
    this.boot = { entry: elf.entry, stackTop, root: tables.root, index: 0 };
    this.control = elf.symbol('control');
    this.veInformation = elf.symbol('ve_information');
    this.apfArea = elf.symbol('apf_area');
    this.eventLog = elf.symbol('event_log');
  }

  /** Lets go of the memory. */
  close(): void {
    this.ram.close();
  }

  private page(at: number): DataView {
    return new DataView(this.ram.data.buffer, this.ram.data.byteOffset + at, PAGE_SIZE);
  }

  /** gpa of the table that holds the last-level entry of `gva`. */
  private lastTable(root: number, gva: number): number {
    let table = root;
    for (let level = 3; level > 0; level--) {
      const index = Math.floor(gva / 2 ** (12 + 9 * level)) % 512;
      table = Number(this.ram.data.getBigUint64(table + index * 8, true) & 0x000ffffffffff000n);
    }
    return table;
  }
}
