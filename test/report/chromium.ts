/** A real browser, headless, for one page at a time. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { patience } from '../support/slowness.js';

const LIMIT_MS = patience(60_000);

/** True where there is a chromium. */
export function hasChromium(): boolean {
  return spawnSync('chromium', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** What a page looked like from inside. */
export interface Seen {
  /** Width of the window, and of what would have to be scrolled to. */
  readonly windowWidth: number;
  readonly scrollWidth: number;
  readonly background: string;
  /** Drawings that are shown, with their size and their paths. */
  readonly drawings: readonly { readonly width: number; readonly height: number; readonly paths: number; readonly flatPaths: number; readonly label: string }[];
  /** Texts of drawings that stick out of them, or lie on one another. */
  readonly outside: readonly string[];
}

/** Runs in the page; returns a {@link Seen}. */
const LOOK = `(() => {
  const drawings = [], outside = [];
  for (const svg of document.querySelectorAll('svg')) {
    const box = svg.getBoundingClientRect();
    if (box.width === 0) continue;
    const paths = [...svg.querySelectorAll('path,rect.track,circle')];
    const flat = paths.filter((path) => { const b = path.getBBox(); return !(b.width > 0 || b.height > 0); });
    drawings.push({ width: box.width, height: box.height, paths: paths.length, flatPaths: flat.length, label: svg.getAttribute('aria-label') });
    for (const text of svg.querySelectorAll('text')) {
      const b = text.getBoundingClientRect();
      if (b.left < box.left - 2 || b.right > box.right + 2 || b.top < box.top - 2 || b.bottom > box.bottom + 2) outside.push(text.textContent);
    }
  }
  return { windowWidth: innerWidth, scrollWidth: document.documentElement.scrollWidth, background: getComputedStyle(document.body).backgroundColor, drawings, outside };
})()`;

/** Runs the browser; its standard output, and what its console said. */
function chromium(folder: string, url: string, args: readonly string[]): { stdout: string; console: string[] } {
  const { status, stdout, stderr, error } = spawnSync(
    'chromium',
    ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--enable-logging=stderr', '--v=0', `--user-data-dir=${join(folder, 'profile')}`, ...args, url],
    { encoding: 'utf8', timeout: LIMIT_MS, maxBuffer: 64 * 2 ** 20, env: { ...process.env, HOME: folder } },
  );
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`chromium ended with ${status}: ${stderr.slice(-2000)}`);
  return { stdout, console: stderr.split('\n').filter((line) => line.includes(':CONSOLE')) };
}

/** What the browser's console says of a page as it is. */
export function consoleOf(page: string, args: readonly string[] = []): string[] {
  return inFolder((folder) => {
    const path = join(folder, 'page.html');
    writeFileSync(path, page);
    return chromium(folder, pathToFileURL(path).href, ['--dump-dom', ...args]).console;
  });
}

/**
 * Opens a page in a window of that width and looks at it. The page forbids scripts, so that it is looked at in a frame of another document, whose
 * copy of it has no such rule.
 */
export function look(page: string, width: number, { dark = false } = {}): Seen {
  return inFolder((folder) => {
    const rule = /<meta http-equiv="Content-Security-Policy"[^>]*>/;
    if (!rule.test(page)) throw new Error('the page has no rule against scripts');
    writeFileSync(join(folder, 'page.html'), page.replace(rule, ''));
    const outer = join(folder, 'outer.html');
    writeFileSync(
      outer,
      `<!doctype html><html style="color-scheme:${dark ? 'dark' : 'light'}"><body><iframe src="page.html" width="${width}" height="800" style="border:0;color-scheme:${dark ? 'dark' : 'light'}"></iframe><script>onload=()=>{document.title=JSON.stringify(frames[0].eval(${JSON.stringify(LOOK)}))}</script>`,
    );
    const { stdout } = chromium(folder, pathToFileURL(outer).href, ['--dump-dom', '--allow-file-access-from-files', '--window-size=1400,1000', ...(dark ? ['--blink-settings=preferredColorScheme=0'] : [])]);
    const title = /<title>(.*?)<\/title>/s.exec(stdout)?.[1];
    if (title === undefined) throw new Error(`nothing was seen: ${stdout.slice(0, 500)}`);
    return JSON.parse(title.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&')) as Seen;
  });
}

/** A picture of a page, as PNG. */
export function photograph(page: string, width: number, height: number): Buffer {
  return inFolder((folder) => {
    const path = join(folder, 'page.html');
    writeFileSync(path, page);
    chromium(folder, pathToFileURL(path).href, [`--window-size=${width},${height}`, `--screenshot=${join(folder, 'page.png')}`]);
    return readFileSync(join(folder, 'page.png'));
  });
}

function inFolder<T>(action: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'browser-test-'));
  try {
    return action(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
