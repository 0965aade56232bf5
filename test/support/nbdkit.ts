/** A real NBD server of the distribution, for the length of a test. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skip } from './skip.js';
import { patience } from './slowness.js';
import { foreignEnvironment } from './foreign-programs.js';

/** Skips the running test, or from a `before` hook its suite, where nbdkit is not installed. */
export function requireNbdkit(context: Mocha.Context): void {
  if (spawnSync('nbdkit', ['--version']).error !== undefined) skip(context, 'nbdkit is not installed (Debian: nbdkit)');
}

/** See the module's comment. */
export class NbdServer {
  private readonly folder = mkdtempSync(join(tmpdir(), 'nbdkit-'));
  readonly socket = join(this.folder, 'socket');
  /** Address of its default export. */
  readonly uri = `nbd+unix:///?socket=${this.socket}`;
  private process: ChildProcess | null = null;
  private said = '';

  /**
   * Starts a server and waits until it listens.
   * @param args - of nbdkit: filters, plugin, their parameters; `FOLDER` stands for a folder of the server's own
   */
  static async start(args: readonly string[]): Promise<NbdServer> {
    const server = new NbdServer();
    try {
      await server.listen(args);
      return server;
    } catch (error) {
      server.close();
      throw error;
    }
  }

  /** A path in the server's own folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** Ends it as a crash would. */
  kill(): void {
    this.process?.kill('SIGKILL');
  }

  /** Ends it and removes its folder. */
  close(): void {
    this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async listen(args: readonly string[]): Promise<void> {
    const started = spawn('nbdkit', ['--foreground', '--exit-with-parent', '--newstyle', '--unix', this.socket, ...args.map((arg) => arg.replace('FOLDER', this.folder))], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: foreignEnvironment(),
    });
    this.process = started;
    started.stderr.on('data', (chunk: Buffer) => (this.said += chunk.toString()));
    const limitMs = patience(20_000);
    const deadline = Date.now() + limitMs;
    while (!existsSync(this.socket)) {
      assert(started.exitCode === null, `nbdkit ended: ${this.said}`);
      assert(Date.now() < deadline, `waited ${limitMs / 1000} s for nbdkit to listen: ${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
