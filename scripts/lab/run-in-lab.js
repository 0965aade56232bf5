/** Boots the lab, runs one command in it, brings back how it ended. Whatever happens, QEMU is gone afterwards. */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { SetupFailure } from '../setup/failure.js';
import { initramfs } from './initramfs.js';
import { CHANNELS, qemuCommand } from './qemu.js';
import { shares } from './shares.js';
import { temporaryDirectory } from './temporary.js';

/** From QEMU's start to the command's. Some four seconds on an idle machine. */
const BOOT_LIMIT_SECONDS = 120;
/** From the command's end to QEMU's. */
const POWER_OFF_LIMIT_SECONDS = 60;
/** What a command gets after Ctrl-C to end by itself. */
const GRACE_SECONDS = 30;
const CONSOLE_TAIL_BYTES = 16_384;
const CONSOLE_TAIL_LINES = 30;

/**
 * @typedef {object} Output
 * @property {(chunk: Buffer) => void} stdout takes the command's standard output
 * @property {(chunk: Buffer) => void} stderr takes its standard error
 */

/** @type {Output} */
const TO_OURS = { stdout: (chunk) => process.stdout.write(chunk), stderr: (chunk) => process.stderr.write(chunk) };

/**
 * @typedef {object} LabOptions
 * @property {import('./kernel/index.js').Kernel} kernel to boot
 * @property {readonly string[]} command to run in the project
 * @property {string} outDirectory absolute, existing
 * @property {number} cpus of the lab
 * @property {import('./kernel/index.js').KernelKind['threads']} threads of QEMU for them
 * @property {number} memoryMiB of the lab
 * @property {number} limitSeconds the command may take
 * @property {Record<string, string>} environment added to the command's
 * @property {Output | undefined} output where the command's goes; undefined: to ours
 */

/** One boot. */
class Lab {
  #phase = 'the lab to boot';
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #consoleTail = '';
  #controlText = '';
  /** @type {number | undefined} */
  #exitCode;
  /** @type {SetupFailure | undefined} */
  #failure;
  #interrupts = 0;

  /**
   * @param {readonly string[]} command QEMU's
   * @param {number} limitSeconds for the command inside
   * @param {Output} output of the command
   * @param {() => void} onReady called when the lab has booted
   */
  constructor([program = '', ...args], limitSeconds, output, onReady) {
    this.limitSeconds = limitSeconds;
    this.onReady = onReady;
    // A session of its own: Ctrl-C is for us to pass on.
    this.qemu = spawn(program, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'] });
    this.#expect('the lab to boot', BOOT_LIMIT_SECONDS);
    this.qemu.stderr?.on('data', (chunk) => { this.#keepTail(chunk); });
    this.#channel('console').on('data', (chunk) => { this.#keepTail(chunk); });
    this.#channel('stdout').on('data', output.stdout);
    this.#channel('stderr').on('data', output.stderr);
    this.#channel('control').on('data', (chunk) => { this.#read(String(chunk)); });
    for (const name of /** @type {const} */ (['console', 'stdout', 'stderr', 'control'])) {
      // A reset is what QEMU's end looks like when it was killed.
      this.#channel(name).on('error', () => undefined);
    }
  }

  /**
   * @returns {Promise<number>} the command's exit code, once QEMU is gone
   * @throws {SetupFailure} TOOL_MISSING, STEP_FAILED, STEP_TIMED_OUT
   */
  finished() {
    /** @type {readonly NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const onSignal = (/** @type {NodeJS.Signals} */ signal) => { this.#interrupt(signal); };
    for (const signal of signals) process.on(signal, onSignal);
    return new Promise((resolve, reject) => {
      this.qemu.on('error', (error) => { reject(new SetupFailure('TOOL_MISSING', `the lab needs setpriv (util-linux) to run QEMU: ${error.message}`)); });
      this.qemu.on('close', (code, signal) => {
        if (this.#failure !== undefined) reject(this.#failure);
        else if (this.#exitCode !== undefined) resolve(this.#exitCode);
        else reject(this.#failed('STEP_FAILED', `the lab died (QEMU: ${signal ?? `exit code ${String(code)}`}) while waiting for ${this.#phase}`));
      });
    }).finally(() => {
      clearTimeout(this.#timer);
      for (const signal of signals) process.off(signal, onSignal);
    });
  }

  /** Ends QEMU at once. */
  kill() {
    this.qemu.kill('SIGKILL');
  }

  /**
   * @param {keyof typeof CHANNELS} name of a socket
   * @returns {import('node:net').Socket} our end
   */
  #channel(name) {
    return /** @type {import('node:net').Socket} */ (/** @type {unknown} */ (this.qemu.stdio[/** @type {0} */ (CHANNELS[name])]));
  }

  /**
   * @param {string} phase what is waited for
   * @param {number} seconds at most
   */
  #expect(phase, seconds) {
    this.#phase = phase;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#fail(this.#failed('STEP_TIMED_OUT', `waited ${String(seconds)} s for ${phase}`));
    }, seconds * 1000);
  }

  /**
   * @param {SetupFailure} failure the reason
   */
  #fail(failure) {
    this.#failure ??= failure;
    this.kill();
  }

  /**
   * @param {'STEP_FAILED' | 'STEP_TIMED_OUT'} code stable
   * @param {string} message one sentence
   * @returns {SetupFailure} with the console's end
   */
  #failed(code, message) {
    const tail = this.#consoleTail.replaceAll('\r', '').trimEnd().split('\n').slice(-CONSOLE_TAIL_LINES).join('\n');
    return new SetupFailure(code, message, tail);
  }

  /** @param {Buffer} chunk of the console or of QEMU's own messages */
  #keepTail(chunk) {
    this.#consoleTail = `${this.#consoleTail}${chunk.toString()}`.slice(-CONSOLE_TAIL_BYTES);
  }

  /** @param {string} text from init */
  #read(text) {
    this.#controlText += text;
    const lines = this.#controlText.split('\n');
    this.#controlText = lines.pop() ?? '';
    for (const line of lines) {
      const [word, argument] = line.split(' ');
      if (word === 'ready') {
        this.onReady();
        this.#expect('the command to end (--limit)', this.limitSeconds);
      } else if (word === 'exit') {
        this.#exitCode = Number(argument);
        this.#expect('the lab to power off', POWER_OFF_LIMIT_SECONDS);
      }
    }
  }

  /** @param {NodeJS.Signals} signal sent to us: passed on to the command; the second one ends the lab */
  #interrupt(signal) {
    this.#interrupts += 1;
    if (this.#interrupts > 1 || this.#phase === 'the lab to boot') {
      this.#exitCode ??= 128 + constants.signals[signal];
      this.kill();
      return;
    }
    this.#channel('control').write(`signal ${String(constants.signals[signal])}\n`);
    this.#expect(`the command to end after ${signal}`, GRACE_SECONDS);
  }
}

/**
 * @param {LabOptions} options what to run where
 * @returns {Promise<number>} the command's exit code as a shell has it
 * @throws {SetupFailure} TOOL_MISSING, STEP_FAILED, STEP_TIMED_OUT
 */
export async function runInLab({ kernel, command, outDirectory, cpus, threads, memoryMiB, limitSeconds, environment, output = TO_OURS }) {
  const temporary = temporaryDirectory();
  const cleanUp = () => { rmSync(temporary, { recursive: true, force: true }); };
  try {
    const initrd = join(temporary, 'initramfs');
    const shared = shares(outDirectory);
    writeFileSync(initrd, await initramfs({ kernel, command, shares: shared, environment }));
    const lab = new Lab(qemuCommand({ kernel, initrd, shares: shared, cpus, threads, memoryMiB }), limitSeconds, output, cleanUp);
    try {
      return await lab.finished();
    } finally {
      lab.kill();
    }
  } finally {
    cleanUp();
  }
}
