/**
 * Machine code by mnemonics, for guests of a few instructions: what the project's experiments would otherwise spell as bytes. The encoding, and the
 * length of each jump, is the work of iced-x86.
 */
import { BlockEncoder, BlockEncoderOptions, Code, Decoder, DecoderOptions, Instruction, MemoryOperand, Register } from 'iced-x86';

/** A 64-bit general register that code here may use. */
export type Gpr = 'rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'rsp';

/** A place in memory: an address below 2 GiB, or a register and a displacement in bytes. */
export type Place = number | { readonly base: Gpr; readonly offset: number };

/** A condition of a jump. */
export type Condition = 'equal' | 'notEqual' | 'above';

interface RegisterPair {
  readonly wide: Register;
  readonly narrow: Register;
}

const REGISTERS: Readonly<Record<Gpr, RegisterPair>> = {
  rax: { wide: Register.RAX, narrow: Register.EAX },
  rbx: { wide: Register.RBX, narrow: Register.EBX },
  rcx: { wide: Register.RCX, narrow: Register.ECX },
  rdx: { wide: Register.RDX, narrow: Register.EDX },
  rsi: { wide: Register.RSI, narrow: Register.ESI },
  rdi: { wide: Register.RDI, narrow: Register.EDI },
  rsp: { wide: Register.RSP, narrow: Register.ESP },
};
const JUMPS: Readonly<Record<Condition, Code>> = { equal: Code.Je_rel32_64, notEqual: Code.Jne_rel32_64, above: Code.Ja_rel32_64 };
/** Where a label is not bound yet, its number stands for its address; no instruction of a block has such an address by itself. */
const LABEL_BASE = 0x4000_0000_0000n;

/** Sizes of displacements, as iced-x86 counts them. */
const WHOLE_ADDRESS = 8;
const SHORTEST = 1;

/** Code in the making: each method appends what it says, destination first. */
export class Assembler {
  private readonly instructions: Instruction[] = [];
  private readonly labels = new Map<string, bigint>();
  /** Index of the instruction that a label names. */
  private readonly bound = new Map<string, number>();
  private next: bigint | null = null;

  /** Names the next instruction. Throws RangeError for a name that is taken. */
  label(name: string): this {
    if (this.bound.has(name)) throw new RangeError(`label ${name} stands for two places`);
    if (this.next !== null) throw new RangeError(`label ${name} stands where another one does`);
    this.bound.set(name, this.instructions.length);
    this.next = this.idOf(name);
    return this;
  }

  /** Loads a constant, zero-extended from 32 bits. */
  set(register: Gpr, value: number): this {
    return this.append(Instruction.createRegU32(Code.Mov_r32_imm32, REGISTERS[register].narrow, value));
  }
  /** Copies a register. */
  copy(to: Gpr, from: Gpr): this {
    return this.append(Instruction.createRegReg(Code.Mov_r64_rm64, REGISTERS[to].wide, REGISTERS[from].wide));
  }
  /** Loads 8 bytes. */
  load(to: Gpr, from: Place): this {
    return this.append(Instruction.createRegMem(Code.Mov_r64_rm64, REGISTERS[to].wide, operand(from)));
  }
  /** Loads 4 bytes, zero-extended. */
  load32(to: Gpr, from: Place): this {
    return this.append(Instruction.createRegMem(Code.Mov_r32_rm32, REGISTERS[to].narrow, operand(from)));
  }
  /** Stores 8 bytes. */
  store(to: Place, from: Gpr): this {
    return this.append(Instruction.createMemReg(Code.Mov_rm64_r64, operand(to), REGISTERS[from].wide));
  }
  /** Stores 4 bytes. */
  store32(to: Place, from: Gpr): this {
    return this.append(Instruction.createMemReg(Code.Mov_rm32_r32, operand(to), REGISTERS[from].narrow));
  }
  /** Stores a constant, 8 bytes, sign-extended from 32 bits. */
  storeConstant(to: Place, value: number): this {
    return this.append(Instruction.createMemI32(Code.Mov_rm64_imm32, operand(to), value));
  }
  /** Stores a constant of 4 bytes. */
  storeConstant32(to: Place, value: number): this {
    return this.append(Instruction.createMemU32(Code.Mov_rm32_imm32, operand(to), value));
  }
  /** Adds a register to memory, and loads what was there before. */
  exchangeAdd(memory: Place, register: Gpr): this {
    return this.append(Instruction.createMemReg(Code.Xadd_rm64_r64, operand(memory), REGISTERS[register].wide));
  }
  /** Compares a register with a constant, sign-extended from 32 bits. */
  compare(register: Gpr, value: number): this {
    return this.append(Instruction.createRegI32(Code.Cmp_rm64_imm32, REGISTERS[register].wide, value));
  }
  /** Compares a register with 8 bytes of memory. */
  compareWith(register: Gpr, memory: Place): this {
    return this.append(Instruction.createRegMem(Code.Cmp_r64_rm64, REGISTERS[register].wide, operand(memory)));
  }
  /** Adds a constant to a register. */
  addTo(register: Gpr, value: number): this {
    return this.append(Instruction.createRegI32(Code.Add_rm64_imm32, REGISTERS[register].wide, value));
  }
  /** Adds a register to another. */
  add(to: Gpr, from: Gpr): this {
    return this.append(Instruction.createRegReg(Code.Add_r64_rm64, REGISTERS[to].wide, REGISTERS[from].wide));
  }
  /** Keeps the bits that both have. */
  mask(register: Gpr, value: number): this {
    return this.append(Instruction.createRegI32(Code.And_rm64_imm32, REGISTERS[register].wide, value));
  }
  /** RDTSC, its two halves put together in RAX. RDX is lost. */
  readTsc(): this {
    return this.append(Instruction.create(Code.Rdtsc))
      .append(Instruction.createRegI32(Code.Shl_rm64_imm8, Register.RDX, 32))
      .append(Instruction.createRegReg(Code.Or_r64_rm64, Register.RAX, Register.RDX));
  }
  /** CR2, the address of the last page fault. */
  readCr2(to: Gpr): this {
    return this.append(Instruction.createRegReg(Code.Mov_r64_cr, REGISTERS[to].wide, Register.CR2));
  }
  /** Sets CR2. */
  writeCr2(from: Gpr): this {
    return this.append(Instruction.createRegReg(Code.Mov_cr_r64, Register.CR2, REGISTERS[from].wide));
  }
  /** Pushes registers, the first one first. */
  push(...registers: readonly Gpr[]): this {
    for (const register of registers) this.append(Instruction.createReg(Code.Push_r64, REGISTERS[register].wide));
    return this;
  }
  /** Pops registers, the last one first: the same list as that of {@link push}. */
  pop(...registers: readonly Gpr[]): this {
    for (const register of [...registers].reverse()) this.append(Instruction.createReg(Code.Pop_r64, REGISTERS[register].wide));
    return this;
  }
  /** OUT of AL. */
  out(port: number): this {
    return this.append(Instruction.createU32Reg(Code.Out_imm8_AL, port, Register.AL));
  }
  /** Writes a constant of 32 bits to an MSR. RAX, RCX, RDX are lost. */
  writeMsr(index: number, value: number): this {
    return this.set('rcx', index).set('rax', value).set('rdx', 0).append(Instruction.create(Code.Wrmsr));
  }
  /** Jumps to a label, on a condition or always. */
  jump(to: string, when?: Condition): this {
    return this.append(Instruction.createBranch(when === undefined ? Code.Jmp_rel32_64 : JUMPS[when], this.idOf(to)));
  }
  /** Jumps to an address outside this code. */
  jumpTo(address: number): this {
    return this.append(Instruction.createBranch(Code.Jmp_rel32_64, BigInt(address)));
  }
  /** Calls a label. */
  call(to: string): this {
    return this.append(Instruction.createBranch(Code.Call_rel32_64, this.idOf(to)));
  }
  /** RET. */
  ret(): this {
    return this.append(Instruction.create(Code.Retnq));
  }
  /** IRETQ. */
  iretq(): this {
    return this.append(Instruction.create(Code.Iretq));
  }
  /** STI. */
  sti(): this {
    return this.append(Instruction.create(Code.Sti));
  }
  /** CLI. */
  cli(): this {
    return this.append(Instruction.create(Code.Cli));
  }
  /** HLT. */
  hlt(): this {
    return this.append(Instruction.create(Code.Hlt));
  }
  /** UD2. */
  ud2(): this {
    return this.append(Instruction.create(Code.Ud2));
  }

  /**
   * The bytes for an address, and the address of each label. The code can be assembled once.
   * @param address - of the first byte
   * @param mostBytes - room that there is
   * @throws RangeError for a label that is nowhere, or code that does not fit
   */
  assemble(address: number, mostBytes: number): AssembledCode {
    for (const name of this.labels.keys()) if (!this.bound.has(name)) throw new RangeError(`label ${name} stands for no place`);
    const encoder = new BlockEncoder(64, BlockEncoderOptions.None);
    for (const instruction of this.instructions) {
      encoder.add(instruction);
      instruction.free();
    }
    const bytes = encoder.encode(BigInt(address));
    encoder.free();
    if (bytes.length > mostBytes) throw new RangeError(`${bytes.length} bytes of code do not fit into ${mostBytes}`);
    const starts = instructionStarts(bytes);
    const addressOf = (label: string): number => {
      const index = this.bound.get(label);
      if (index === undefined) throw new RangeError(`label ${label} stands for no place`);
      return address + starts[index];
    };
    return { bytes, addressOf };
  }

  private append(instruction: Instruction): this {
    if (this.next !== null) instruction.ip = this.next;
    this.next = null;
    this.instructions.push(instruction);
    return this;
  }

  private idOf(label: string): bigint {
    const known = this.labels.get(label);
    if (known !== undefined) return known;
    const id = LABEL_BASE + BigInt(this.labels.size);
    this.labels.set(label, id);
    return id;
  }
}

/** What {@link Assembler.assemble} makes. */
export interface AssembledCode {
  readonly bytes: Uint8Array;
  /** Address of a label. Throws RangeError for one that is nowhere. */
  readonly addressOf: (label: string) => number;
}

/** Offset of each instruction: jumps got their lengths when they were encoded. */
function instructionStarts(bytes: Uint8Array): number[] {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const starts: number[] = [];
  while (decoder.canDecode) {
    starts.push(decoder.position);
    decoder.decode().free();
  }
  decoder.free();
  return starts;
}

function operand(place: Place): MemoryOperand {
  const [base, offset] = typeof place === 'number' ? [Register.None, place] : [REGISTERS[place.base].wide, place.offset];
  return new MemoryOperand(base, Register.None, 1, BigInt(offset), typeof place === 'number' ? WHOLE_ADDRESS : SHORTEST, false, Register.None);
}
